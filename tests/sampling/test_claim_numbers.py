"""Numbers and words of claims: p is dual to the interval shown, words follow the sign."""

import itertools

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.deciders_found import _ablation, _most, _sign
from microtome.studies.sampling.decisions import ELSEWHERE, FORK, RANDOM
from microtome.studies.sampling.distance_found import (
    _other_oracle,
    _right_and_wrong,
    drift_findings,
)
from microtome.studies.sampling.largest import largest
from microtome.studies.sampling.methods_found import _agreement, _separate
from microtome.studies.sampling.spread_found import variance_findings

STUDY = Sampling.demo().model_copy(update={"resamples": 499, "layer": None})
N, LAYERS = 8, range(4)


def variance(rng, effect):
    """Split halves of problems at two temperatures and lengths; 15 of 600 below 0 by chance."""
    rows = []
    for i, layer in itertools.product(range(N), LAYERS):
        own = 1.0 + rng.standard_normal() / 4
        for t, checkpoint in itertools.product((0.7, 1.3), (6, 24)):
            grown = effect * ((t == 1.3) + (checkpoint == 24))
            split = own + grown + rng.standard_normal() / 4
            rows.append(
                {"problem": f"p{i}", "temperature": t, "checkpoint": checkpoint, "layer": layer,
                 "n": 32, "split_half": split, "tr_cov": 2.0 + rng.random(),
                 "split_half_relative": effect + rng.standard_normal() / 4,
                 "split_half_high": 0.5 - (rng.random() < (0.025 if effect == 0 else 0.3))}
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    hot = frame[(frame["temperature"] == 1.3) & (frame["checkpoint"] == 24)]
    settings = [
        {"temperature": 1.3, "checkpoint": 24, "layer": layer, "tr_cov_relative": 2.0,
         "split_half_relative": part["split_half_relative"].mean(), "control_relative": 0.0}
        for layer, part in hot.groupby("layer")
    ]  # fmt: skip
    return variance_findings(settings, {"variance": frame}, STUDY)


def oracle(rng, effect):
    """Distances to the own oracle and another's; right and wrong completions."""
    rows = [
        {"problem": f"p{i}", "correct": right,
         "relative": 1 + 0.2 * rng.standard_normal() + effect * (not right),
         "relative_control": 1 + 0.2 * rng.standard_normal() + 2 * effect}
        for i in range(N) for right in (True, False)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    row = {"layer": 2, "relative_control": 1.0, "percentile": 0.5, "percentile_control": 0.5,
           "p": None}  # fmt: skip
    return [_other_oracle(frame, row, STUDY), *_right_and_wrong(frame, 2, STUDY)]


def drift(rng, effect, control=0.0):
    """Free and forced completions; those behind another oracle's beginning are like free ones."""
    arms = {"forced": -effect, "unforced": 0.0, "control": control}
    rows = [
        {"problem": f"p{i}", "layer": 0, "arm": arm,
         "relative": 1 + shift + 0.2 * rng.standard_normal()}
        for i in range(N) for arm, shift in arms.items()
    ]  # fmt: skip
    layers = [{"layer": 0, "forced": 1.0, "forced_p": None}]
    one = STUDY.model_copy(update={"layer": 0, "layers": (0,)})
    return drift_findings(layers, {"drift": pd.DataFrame(rows)}, one)


def deciders(rng, effect):
    """Layers that write as much for the controls; ablations as large as random ones."""
    rows = [
        {"problem": f"p{i}", "t": 0, "layer": layer, "condition": condition, "delta": 0.1,
         "total": rng.exponential() + 5 * effect * (condition == FORK and layer == 1)}
        for i in range(N) for condition in (FORK, ELSEWHERE, RANDOM) for layer in LAYERS
    ]  # fmt: skip
    ablated = [
        {"problem": f"p{i}", "t": t, "role": role, "predicted": size * rng.choice([-1, 1]),
         "observed": size * rng.choice([-1, 1]) if not effect else size * (1 if t else -1)}
        for i in range(N) for t in range(2) for role in ("top", "random")
        for size in [rng.exponential() + 4 * effect * (role == "top")]
    ]  # fmt: skip
    frame = pd.DataFrame(ablated)
    if effect:
        frame["predicted"] = frame["observed"] * 0.8
    found = _most(largest(pd.DataFrame(rows), "layer", "total", STUDY), "layer", "8 forks.")
    return [*found, *_ablation(frame, STUDY)]


def groups(rng, effect):
    """K > 1 at the tests' level; clusters that agree with the methods by chance."""
    apart = rng.random(N) < max(0.05, effect)
    frame = pd.DataFrame(
        {"problem": [f"p{i}" for i in range(N)], "k": 1 + apart, "layer": 2, "clustered": 10,
         "d": 4, "verdict": "one cluster", "ari_kmeans": 0.0, "ari_shuffled": 0.0,
         "ari": np.clip(effect + 0.1 * rng.standard_normal(N), -0.5, 1.0)}
    )  # fmt: skip
    return [_separate(frame, True, "", STUDY), _agreement(frame, STUDY)]


def seen(world, effect, level, monkeypatch):
    """The claims of one table at a level, by what they are about."""
    monkeypatch.setitem(globals(), "STUDY", Sampling.demo().model_copy(
        update={"resamples": 499, "layer": None, "level": level}
    ))  # fmt: skip
    return {one.about: one for one in world(np.random.default_rng(6), effect) if one.claim}


@pytest.mark.parametrize(
    ("world", "effect"),
    [(variance, 0.1), (oracle, 0.05), (drift, 0.05), (deciders, 0.02), (groups, 0.05)],
)
def test_p_is_the_level_at_which_the_interval_shown_reaches_the_null(world, effect, monkeypatch):
    tried = 0
    for about, one in seen(world, effect, 0.95, monkeypatch).items():
        p, null = one.claim.p, one.claim.null
        if about == "split halves below 0" or not 1e-3 < p < 0.9:
            continue
        for factor, held in ((0.95, True), (1.05, False)):
            low, high = seen(world, effect, 1 - factor * p, monkeypatch)[about].evidence.ends
            assert (low <= null <= high) == held, about
        tried += 1
    assert tried


def test_what_is_planted_above_or_below_is_said_to_be_there():
    """Each sentence with the sign of what was planted: a sign turned over turns the word."""
    far = {"farther": oracle(np.random.default_rng(2), 0.8),
           "nearer": oracle(np.random.default_rng(2), -0.8)}  # fmt: skip
    for word, found in far.items():
        for one in judge(found):
            assert f" {word} " in one.answer
    for word, effect in (("nearer to", 0.8), ("farther from", -0.8)):
        (one,) = judge(drift(np.random.default_rng(2), effect))
        assert f" |z*| {word} its own" in one.answer


@pytest.mark.parametrize(
    ("control", "verdict"), [(-0.8, "control failed"), (0.8, "supported"), (0.0, "supported")]
)
def test_a_drift_that_any_oracle_causes_fails_its_control(control, verdict):
    (one,) = judge(drift(np.random.default_rng(2), 0.8, control))
    assert one.verdict == verdict


def test_signs_are_held_against_one_half():
    """Six of eight signs are no evidence; eight of eight are."""
    for right, verdict in ((6, "inconclusive"), (8, "supported")):
        observed = np.where(np.arange(8) < right, 1.0, -1.0)
        top = pd.DataFrame({"problem": [f"p{i}" for i in range(8)], "predicted": 1.0,
                            "observed": observed})  # fmt: skip
        found = _sign(top, STUDY)
        low, high = found.evidence.ends
        assert (found.claim.p <= 0.05) == (not low <= 0.5 <= high) == (right == 8)
        assert judge([found])[0].verdict == verdict
