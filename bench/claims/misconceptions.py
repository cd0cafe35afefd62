"""Tables of the misconceptions study: answers, features on held-out pairs, voices, ablations."""

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from bench.claims.world import Rng, World
from microtome.lab.claims import Finding
from microtome.studies.misconceptions import Misconceptions, prompts, verdicts_findings
from microtome.studies.misconceptions.ablate_findings import ablation_findings
from microtome.studies.misconceptions.ablate_report import summaries, summary
from microtome.studies.misconceptions.candidates import Candidate
from microtome.studies.misconceptions.contrast_findings import contrast_findings
from microtome.studies.misconceptions.contrasting import Contrast, Feature, Sides, contrast
from microtome.studies.misconceptions.factoring import effects, row
from microtome.studies.misconceptions.factors_findings import factor_findings
from microtome.studies.misconceptions.heldout import heldout_rows, separation_rows
from microtome.studies.misconceptions.judging import Judgement, effects_of
from microtome.studies.misconceptions.relabelling import Relabelled

N, SETS = 24, 199
"""Pairs of a half, as the study generates them, and random sets of an ablation."""
FEATURES = tuple(Feature(0, i) for i in range(8))
STUDY = Misconceptions(model="specimen:world")
_TABLES = ("heldout", "separation", "relabelled")
_HOLDS = Relabelled((), (), ({0: 0.4}, {0: 0.6}))
_OWN = np.array([2.0, -2.0, *([0.0] * 6)])
"""What the features differ by, correct − misconception, where the labels mean something."""


def answered(rng: Rng, effect: float) -> Finding:
    """Answers that go with the label with chance one half and `effect` more."""
    follows = np.where(rng.random((N, 2)) < 0.5 + effect, 1.0, -1.0)
    frame = pd.DataFrame({
        "pair_id": np.repeat([f"p{i}" for i in range(N)], 2),
        "label": np.tile(("correct", "misconception"), N),
        "difference": (follows * (1.0, -1.0)).ravel(), "answered": "correct",
    })  # fmt: skip
    return prompts._followed(frame, STUDY)


def sides(rng: Rng, signs: np.ndarray, shift: np.ndarray, name: str = "p") -> Sides:
    """Activations whose paired differences are `signs` "pair" times `shift` "feature", with noise.

    A sign of −1 is a pair whose labels are exchanged.
    """
    own = signs[:, None] * (shift + rng.normal(0, 1, (len(signs), len(FEATURES))))
    level = 4 + rng.exponential(size=own.shape)
    pairs = tuple(f"{name}{i}" for i in range(len(signs)))
    return Sides(FEATURES, pairs, level + own / 2, level - own / 2)


def _exchanged(rng: Rng, effect: float) -> np.ndarray:
    """Labels "pair": right with chance one half, and `effect` more."""
    return np.where(rng.random(N) < 0.5 + effect, 1.0, -1.0)


@cache
def _found() -> Contrast:
    """The features chosen on one half, where labels hold: held-out pairs know nothing of it."""
    chosen = sides(np.random.default_rng(0), np.ones(N), _OWN)
    return contrast(chosen, min_pairs=STUDY.min_pairs, at=STUDY.at)


def _said(made: dict[str, Any]) -> dict[str, Finding]:
    """The contrast's findings by what they are about."""
    nothing = {name: [] for name in (f"contrast_{one}" for one in _TABLES)}
    read = {"features_prompts": pd.DataFrame({"pair_id": [0, 0], "prompt": ["a", "b"]})}
    return {one.about: one for one in contrast_findings(_found(), nothing | made, read, STUDY)}


def replicated(rng: Rng, effect: float) -> Finding:
    """The largest feature, on held-out pairs whose labels are exchanged at random or hold."""
    nothing = Sides(FEATURES, (), *np.zeros((2, 0, len(FEATURES))))
    test = sides(rng, _exchanged(rng, effect), _OWN, "t")
    rows = heldout_rows(_found(), test, nothing, STUDY)
    return _said({"contrast_heldout": rows})["largest feature of correct members"]


def separation(rng: Rng, effect: float) -> Finding:
    """The strongest features together, on such pairs; the control is one that holds."""
    test = sides(rng, _exchanged(rng, effect), _OWN, "t")
    rows = separation_rows(_found(), test, _HOLDS, STUDY)
    return _said({"contrast_separation": rows})["held-out separation"]


def voice(rng: Rng, effect: float) -> Finding:
    """A feature of the voice whose labels outside the domain hold by `effect` more than chance."""
    inside = sides(rng, np.ones(N), _OWN)
    outside = sides(rng, _exchanged(rng, effect), _OWN, "o")
    found = effects([(FEATURES[0], "correct")], inside, outside, None, STUDY.at)
    made = [row(one, inside, outside) for one in found]
    _, strongest = factor_findings(found, made, outside, None, (0, 0), STUDY)
    return strongest


def ablations(changes: dict[str, np.ndarray], random: dict[str, np.ndarray]) -> dict[str, Any]:
    """Tables of ablations, one layer per two sides, from changes of Δ and those of random sets."""
    results, controls, features = [], [], []
    for i, side in enumerate(changes):
        place = {"layer": i // 2, "side": side.split()[0], "features": str(i)}
        results += [
            {**place, "change": c, "headline": True, "pair_id": f"p{n}"}
            for n, c in enumerate(changes[side])
        ]
        controls += [
            {**place, "mean_change": c, "tokens": 9, "target_size": 2.0, "size": 2.0}
            for c in random[side]
        ]
        features.append({**place, "feature": i, "token_detector": False, "without": 0.0,
                         "injected": 0.0, "natural": 1.0, "p_max_t": 0.01})  # fmt: skip
    prompts = {"role": ["select"], "read": ["last"], "pair_id": ["p"]}
    contrast = {"layer": [0, 0, 1], "feature": [0, 1, 2], "p_max_t": [0.01, 0.01, 0.5]}
    frames = {
        "ablate_results": results, "ablate_controls": controls, "ablate_features": features,
        "features_prompts": prompts, "contrast": contrast,
        "features_dictionaries": {"layer": [0, 1], "stand_in": ["", ""]},
    }  # fmt: skip
    return {name: pd.DataFrame(frame) for name, frame in frames.items()}


def _ablated(rng: Rng, effect: float) -> dict[str, Any]:
    """Sets of atoms that all lower Δ by 0.5 nats (sd 0.2), the features' by `effect` more."""
    means = rng.normal(-0.5, 0.2, SETS + 1)
    means[0] -= effect
    changes = means[:, None] + 0.5 * rng.normal(size=(SETS + 1, N))
    return ablations({"correct": changes[0]}, {"correct": changes[1:].mean(1)})


def ablated(rng: Rng, effect: float) -> Finding:
    tables = _ablated(rng, effect)
    found = ablation_findings(summaries(tables, STUDY), tables, STUDY)
    (one,) = (f for f in found if f.evidence.unit == "nats")
    return one


def verdict(rng: Rng, effect: float, *, causes: bool = True) -> Finding:
    """A feature whose labels hold by `effect` more than chance, and whose ablation lowers Δ."""
    chosen = Candidate(FEATURES[0], "voice", "correct", 2.0, 2.0, 0.001)
    own = {role: sides(rng, _exchanged(rng, effect), _OWN, role) for role in ("test", "elsewhere")}
    place = {"layer": 0, "side": "correct", "features": "0"}
    tables = _ablated(rng, 1.0 if causes else 0.0)
    cause = summary(place, tables["ablate_results"], tables["ablate_controls"], STUDY)
    cause["q_random"] = cause["p_random"]
    one = Judgement(chosen, effects_of([chosen], own, STUDY.at)[0], None, cause, STUDY.alpha)
    return verdicts_findings._surest(one, (0, 20), STUDY)


def no_cause(rng: Rng, effect: float) -> Finding:
    """A feature of the voice, that does no more than a random atom when it is ablated."""
    return verdict(rng, 0.5, causes=False)


def _world(
    claim: str, null: str, draw: Any, effects: tuple[float, ...] = (), unit: str = ""
) -> World:
    return World("misconceptions", claim, null, f"{N} pairs", draw, effects, unit)


_RIGHT = "of held-out pairs beyond one half, by 2 sd each"
WORLDS = (
    _world("the more probable answer goes with the label", "labels exchanged within pairs",
           answered, (0.1, 0.2, 0.25, 0.3), "of prompts beyond one half"),
    _world("the largest feature of a side differs on held-out pairs",
           "labels of held-out pairs exchanged", replicated, (0.2, 0.3, 0.4, 0.5), _RIGHT),
    _world("the strongest features tell held-out members apart",
           "labels of held-out pairs exchanged", separation, (0.3, 0.4, 0.45, 0.5), _RIGHT),
    _world("the largest feature reads the voice outside the domain",
           "labels outside the domain exchanged", voice, (0.2, 0.3, 0.4, 0.5),
           _RIGHT.replace("held-out pairs", "pairs outside")),
    _world("without the features Δ moves as predicted, beyond random sets",
           "random atoms of the same size", ablated, (0.2, 0.4, 0.6, 0.8),
           "nats (sd of random sets 0.2)"),
    _world("the surest feature predicts, causes, and is of the voice or specific",
           "labels exchanged within all pairs", verdict, (0.2, 0.3, 0.4, 0.5),
           "of all pairs beyond one half, by 2 sd each"),
    _world("the surest feature predicts, causes, and is of the voice or specific",
           "a random atom ablated", no_cause),
)  # fmt: skip
