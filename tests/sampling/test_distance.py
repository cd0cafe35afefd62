"""Distances to the oracle: signs, tests by name, and no claim beyond the interval."""

import re

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.distance import by_layer, drift_by_layer
from microtome.studies.sampling.distance_found import drift_findings, manifold_findings

STUDY = Sampling.demo().model_copy(update={"layer": 0, "layers": (0,)})


def distances(own, control, wrong=None):
    """Rows of `manifold`: one right completion per problem, and a wrong one where asked."""
    rows = []
    for i, (near, far) in enumerate(zip(own, control, strict=True)):
        place = {"problem": f"p{i}", "layer": 0, "distance": 10 * near, "relative_control": far}
        share = {"percentile": 0.5, "percentile_control": 0.5}
        rows.append({**place, **share, "sample": 0, "relative": near, "correct": True})
        if wrong is not None:
            rows.append({**place, **share, "sample": 1, "relative": wrong[i], "correct": False})
    return pd.DataFrame(rows)


def found_in(frame, about):
    findings = manifold_findings(by_layer(frame, STUDY), {"manifold": frame}, STUDY)
    return next(finding for finding in findings if finding.about == about)


def around(mean, spread, n=8, seed=0):
    """n values of exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).standard_normal(n)
    return mean + spread * (values - values.mean()) / values.std(ddof=1)


@pytest.mark.parametrize(
    ("gap", "word"), [(0.3, "0.30 √mean|z|² farther"), (-0.3, "0.30 √mean|z|² nearer")]
)
def test_control_minus_own_is_positive_where_the_control_is_farther(gap, word):
    own = around(1.0, 0.05)
    frame = distances(own, own + around(gap, 0.05, seed=1))
    (row,) = by_layer(frame, STUDY)
    assert row["control_minus_own"] == pytest.approx(gap)
    assert row["control_minus_own_low"] < gap < row["control_minus_own_high"]
    assert row["relative_control"] - row["relative"] == pytest.approx(gap)
    finding = found_in(frame, "another problem's oracle")
    assert finding.evidence.value == pytest.approx(gap)
    (judged,) = judge([finding])
    assert judged.verdict == "supported"
    assert f"To completions the oracle of another problem is {word}" in judged.answer
    assert row["p"] < 0.05


@pytest.mark.parametrize(
    ("gap", "word"),
    [(0.4, "lie 0.40 √mean|z|² farther from"), (-0.4, "lie 0.40 √mean|z|² nearer to")],
)
def test_wrong_minus_right_is_positive_where_wrong_ones_are_farther(gap, word):
    own = around(1.0, 0.05)
    frame = distances(own, own, wrong=own + around(gap, 0.1, seed=2))
    finding = found_in(frame, "wrong against right completions")
    assert finding.evidence.value == pytest.approx(gap)
    (judged,) = judge([finding])
    assert judged.verdict == "supported"
    assert f"Wrong completions {word}" in judged.answer


def test_no_direction_is_claimed_where_the_interval_holds_0():
    own = around(1.0, 0.05)
    frame = distances(own, own + around(0.02, 0.2, seed=3), own + around(-0.02, 0.2, seed=4))
    findings = manifold_findings(by_layer(frame, STUDY), {"manifold": frame}, STUDY)
    assert len(findings) == 3
    for judged in judge(findings):
        assert not {"farther", "nearer"} & set(judged.answer.split())
        if judged.finding.claim:
            assert judged.finding.evidence.low < 0 < judged.finding.evidence.high
            assert judged.verdict == "inconclusive", "the interval holds 0.05 too"
            assert "is not shown:" in judged.answer


def test_the_p_over_layers_is_of_the_mean_and_needs_six_problems():
    own = around(1.0, 0.05, n=6)
    frame = distances(own, own + around(0.5, 0.05, n=6))
    assert by_layer(frame, STUDY)[0]["p"] is not None
    few = frame[frame["problem"] != "p0"]
    assert by_layer(few, STUDY)[0]["p"] is None
    detail = found_in(few, "another problem's oracle").evidence.detail
    assert "mean of control − own is 0, over layers: no p" in detail
    # Skewed differences of mean 0: flipping signs rejects them in .5 of data sets, here .03.
    rng, claimed = np.random.default_rng(5), 0
    for _ in range(60):
        gaps = np.exp(rng.standard_normal(12)) - np.exp(0.5)
        own = np.full(12, 20.0)
        claimed += by_layer(distances(own, own + gaps), STUDY)[0]["p"] <= 0.05
    assert claimed <= 7


def test_problems_that_all_agree_have_no_interval_and_one_that_decides_is_named():
    same = found_in(distances([2.0] * 8, [2.0] * 8), "distance to the oracle")
    assert same.evidence.ends is None
    assert "No interval: all 8 values are 2" in same.evidence.detail
    one = [1.0, *[1e-5] * 7]
    frame = distances(one, one)
    (row,) = by_layer(frame, STUDY)
    assert row["relative_low"] >= 0
    assert row["relative_high"] <= 1.1, "the largest distance is 1"
    assert row["relative_limited"]
    assert "without p0 it is 0.00" in found_in(frame, "distance to the oracle").evidence.detail


def drifted(forced, unforced, control):
    rows = [
        {"problem": f"p{i}", "layer": 0, "arm": arm, "relative": value, "distance_to_whole": 1.0}
        for arm, values in (("forced", forced), ("unforced", unforced), ("control", control))
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("change", "word"),
    [(-0.5, "0.50 |z*| nearer to"), (0.5, "0.50 |z*| farther from"), (0.0, "is not shown:")],
)
def test_drift_is_forced_minus_free_and_says_so_only_beyond_its_interval(change, word):
    free = around(1.0, 0.1)
    frame = drifted(free + around(change, 0.1, seed=6), free, free + 0.2)
    (row,) = drift_by_layer(frame, STUDY)
    assert row["forced_change"] == pytest.approx(change, abs=1e-12)
    assert row["control_change"] == pytest.approx(0.2)
    assert row["control_p"] == 1.0, "equal in all problems: no test of it"
    (finding,) = drift_findings([row], {"drift": frame}, STUDY)
    (judged,) = judge([finding])
    assert word in judged.answer
    assert (judged.verdict == "supported") == bool(change)
    assert finding.evidence.value == pytest.approx(change, abs=1e-12)


@pytest.mark.parametrize(
    ("control", "verdict"),
    [(-0.3, "control failed"), (0.3, "supported"), (0.0, "supported")],
)
def test_drift_fails_with_a_control_that_moves_the_same_way(control, verdict):
    """Forcing another problem's oracle must not bring completions nearer; away it may."""
    free = around(1.0, 0.1)
    frame = drifted(free + around(-0.5, 0.1, seed=6), free, free + around(control, 0.1, seed=7))
    (finding,) = drift_findings(drift_by_layer(frame, STUDY), {"drift": frame}, STUDY)
    (judged,) = judge([finding])
    assert judged.verdict == verdict
    assert re.search(rf"oracle forced: [+-]{abs(control):.2f} ", finding.evidence.control)
    assert ("nearer" in judged.answer) == (verdict == "supported")
