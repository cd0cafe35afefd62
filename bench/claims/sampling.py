"""Tables of the sampling study: spread of completions, distances to an oracle, groups, a judge."""

import itertools
from typing import Any

import numpy as np
import pandas as pd

from bench.claims.world import Rng, World
from microtome.lab.claims import Finding
from microtome.studies.sampling import (
    Sampling,
    distance_found,
    judge_found,
    methods_found,
    spread_changes,
    spread_found,
)

N, LAYERS = 8, range(4)
STUDY = Sampling.demo().model_copy(update={"layer": None})
COLD, HOT, SHORT, LONG = 0.7, 1.3, 6, 24
NOISE = 0.25
"""sd of a split half of variance 1."""


def problems(**columns: np.ndarray) -> pd.DataFrame:
    """One row per problem."""
    return pd.DataFrame({"problem": [f"p{i}" for i in range(N)], **columns})


def differ(rng: Rng, effect: float) -> Finding:
    """Four layers in which the completions of a problem differ by `effect` of mean |z|²."""
    noise = 0.02 * rng.standard_normal((N, len(LAYERS)))
    rows = [
        {"problem": f"p{i}", "temperature": HOT, "checkpoint": LONG, "layer": layer,
         "split_half_relative": effect + noise[i, layer]}
        for i, layer in itertools.product(range(N), LAYERS)
    ]  # fmt: skip
    here = [
        {"temperature": HOT, "checkpoint": LONG, "layer": layer, "tr_cov_relative": 0.1,
         "split_half_relative": effect + noise[:, layer].mean(), "control_relative": 0.0}
        for layer in LAYERS
    ]  # fmt: skip
    return spread_found._where(here, pd.DataFrame(rows), True, STUDY)


def halves(rng: Rng, effect: float) -> Finding:
    """Forty split halves a problem, 2.5 % significantly negative by chance, more by `effect`."""
    below = rng.random((N, 40)) < 0.025 + effect
    frame = pd.DataFrame(
        {"problem": np.repeat([f"p{i}" for i in range(N)], 40), "layer": 0,
         "split_half_high": np.where(below.ravel(), -0.1, 0.1)}
    )  # fmt: skip
    (found,) = spread_found._impossible(frame, STUDY)
    return found


def _grown(rng: Rng, effect: float) -> list[np.ndarray]:
    """Split halves of variance 1 ± NOISE, and such that are `effect` larger."""
    own = 1 + NOISE * rng.standard_normal(N)
    return [own + grown + NOISE * rng.standard_normal(N) for grown in (0.0, effect)]


def hotter(rng: Rng, effect: float) -> Finding:
    frame = pd.concat([
        problems(split_half=one, temperature=np.full(N, t))
        for t, one in zip((COLD, HOT), _grown(rng, effect), strict=True)
    ])  # fmt: skip
    (found,) = spread_changes.hotter(frame, 2, LONG, STUDY)
    return found


def longer(rng: Rng, effect: float) -> Finding:
    frame = pd.concat([
        problems(split_half=one, tr_cov=one + 1, checkpoint=np.full(N, c), n=np.full(N, 32))
        for c, one in zip((SHORT, LONG), _grown(rng, effect), strict=True)
    ])  # fmt: skip
    (found,) = spread_changes.longer(frame, 2, HOT, STUDY)
    return found


def _distances(rng: Rng, farther: float = 0.0) -> np.ndarray:
    return 1 + farther + 0.2 * rng.standard_normal(N)


def other_oracle(rng: Rng, effect: float) -> Finding:
    frame = problems(relative=_distances(rng), relative_control=_distances(rng, effect))
    row = {"layer": 2, "relative_control": 1.0, "percentile": 0.5, "percentile_control": 0.5,
           "p": None}  # fmt: skip
    return distance_found._other_oracle(frame, row, STUDY)


def wrong(rng: Rng, effect: float) -> Finding:
    frame = pd.concat([
        problems(relative=_distances(rng, effect * (not right)), correct=np.full(N, right))
        for right in (True, False)
    ])  # fmt: skip
    (found,) = distance_found._right_and_wrong(frame, 2, STUDY)
    return found


def drift(rng: Rng, effect: float) -> Finding:
    """Free and forced completions; those behind another oracle's beginning are like free ones."""
    arms = {"forced": -effect, "unforced": 0.0, "control": 0.0}
    frame = pd.concat([
        problems(relative=_distances(rng, shift), arm=np.full(N, arm), layer=np.zeros(N, int))
        for arm, shift in arms.items()
    ])  # fmt: skip
    layers = [{"layer": 0, "forced": 1.0, "forced_p": None}]
    one = STUDY.model_copy(update={"layer": 0, "layers": (0,)})
    (found,) = distance_found.drift_findings(layers, {"drift": frame}, one)
    return found


def _groups(rng: Rng, effect: float) -> pd.DataFrame:
    apart = rng.random(N) < 0.05 + effect
    ari = np.clip(effect + 0.1 * rng.standard_normal(N), -0.5, 1)
    return problems(k=1 + apart, ari=ari).assign(
        layer=2, clustered=10, d=4, verdict="one cluster", ari_kmeans=0.0, ari_shuffled=0.0
    )


def separate(rng: Rng, effect: float) -> Finding:
    """K > 1 at the tests' level of 5 %, more often by `effect`."""
    return methods_found._separate(_groups(rng, effect), True, "", STUDY)


def agreement(rng: Rng, effect: float) -> Finding:
    """Clusters whose adjusted Rand index is that of chance (sd 0.1), or larger by `effect`."""
    return methods_found._agreement(_groups(rng, effect), STUDY)


def label(rng: Rng, effect: float, apart: bool) -> str:
    return "different" if rng.random() < 0.5 + (effect if apart else -effect) / 2 else "same"


def rulings(rng: Rng, effect: float, count: int = N) -> pd.DataFrame:
    """Two clusters of two per problem; without an effect the judge tosses a coin for each pair."""
    rows: list[dict[str, Any]] = [
        {"problem": f"p{i}", "left": a, "right": b, "cluster_left": a // 2, "cluster_right": b // 2,
         "kind": "between" if a // 2 != b // 2 else "within",
         "label": label(rng, effect, a // 2 != b // 2)}
        for i in range(count) for a, b in itertools.combinations(range(4), 2)
    ]  # fmt: skip
    rows += [
        {**rows[0], "problem": f"p{i}", "right": 0, "kind": "itself", "label": "same"}
        for i in range(count)
    ]
    return pd.DataFrame(rows)


def judged(rng: Rng, effect: float) -> Finding:
    return judge_found.judge_finding(rulings(rng, effect), STUDY)


def _world(claim: str, null: str, draw: Any, effects: tuple[float, ...], unit: str) -> World:
    return World("sampling", claim, null, f"{N} problems", draw, effects, unit)


_FAR = "√mean|z|² (sd between problems 0.28)"
_VARIANCE = "of the first variance (sd between problems 0.35)"
WORLDS = (
    _world("completions of one problem differ", "halves of different completions paired",
           differ, (0.01, 0.02, 0.03, 0.04), "of mean |z|² (sd between problems 0.02)"),
    _world("the halves of a completion depend on each other", "halves err independently",
           halves, (0.025, 0.05, 0.075, 0.1), "of split halves"),
    _world("the variance changes with temperature", "a problem's temperatures exchanged",
           hotter, (0.25, 0.5, 0.75, 1), _VARIANCE),
    _world("the variance changes with length", "a problem's lengths exchanged",
           longer, (0.25, 0.5, 0.75, 1), _VARIANCE),
    _world("another problem's oracle lies farther or nearer", "oracles permuted among problems",
           other_oracle, (0.1, 0.2, 0.3, 0.4), _FAR),
    _world("wrong completions lie farther or nearer than right ones", "a problem's grades permuted",
           wrong, (0.1, 0.2, 0.3, 0.4), _FAR),
    _world("forcing the oracle's beginning changes the distance",
           "forced and free completions exchanged", drift, (0.1, 0.2, 0.3, 0.4), _FAR),
    _world("right solutions form separate groups", "solutions of one cloud",
           separate, (0.2, 0.4, 0.6, 0.8), "of problems"),
    _world("clusters agree with the known methods", "labels permuted",
           agreement, (0.05, 0.1, 0.2, 0.3), "ARI (sd between problems 0.1)"),
    _world("a judge tells clusters apart", "labels permuted within problems",
           judged, (0.2, 0.4, 0.6, 0.8), "in the share called different"),
)  # fmt: skip
