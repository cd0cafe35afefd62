"""Distances to the oracle: signs, tests by name, and no claim beyond the interval."""

import numpy as np
import pandas as pd
import pytest

from microtome.studies.sampling import Sampling
from microtome.studies.sampling.distance import (
    by_layer,
    drift_by_layer,
    drift_findings,
    manifold_findings,
)

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


@pytest.mark.parametrize(("gap", "word"), [(0.3, "is farther:"), (-0.3, "is nearer:")])
def test_control_minus_own_is_positive_where_the_control_is_farther(gap, word):
    own = around(1.0, 0.05)
    frame = distances(own, own + around(gap, 0.05, seed=1))
    (row,) = by_layer(frame, STUDY)
    assert row["control_minus_own"] == pytest.approx(gap)
    assert row["control_minus_own_low"] < gap < row["control_minus_own_high"]
    assert row["relative_control"] - row["relative"] == pytest.approx(gap)
    finding = found_in(frame, "distance to the oracle")
    assert f"another problem {word} control − own {gap:+.2f}" in finding.answer
    assert row["p"] < 0.05


@pytest.mark.parametrize(("gap", "word"), [(0.4, "lie farther from"), (-0.4, "lie nearer to")])
def test_wrong_minus_right_is_positive_where_wrong_ones_are_farther(gap, word):
    own = around(1.0, 0.05)
    frame = distances(own, own, wrong=own + around(gap, 0.1, seed=2))
    finding = found_in(frame, "wrong against right completions")
    assert finding.evidence.value == pytest.approx(gap)
    assert f"wrong completions {word}" in finding.answer
    assert f"wrong − right {gap:+.2f}" in finding.answer


def test_no_direction_is_claimed_where_the_interval_holds_0():
    own = around(1.0, 0.05)
    frame = distances(own, own + around(0.02, 0.2, seed=3), own + around(-0.02, 0.2, seed=4))
    oracle = found_in(frame, "distance to the oracle").answer
    assert "is not shown to differ in distance:" in oracle
    both = found_in(frame, "wrong against right completions")
    assert both.evidence.low < 0 < both.evidence.high
    assert "are not shown to differ" in both.answer
    assert not {"farther", "nearer"} & set(f"{oracle} {both.answer}".split())


def test_the_p_over_layers_is_of_the_mean_and_needs_six_problems():
    own = around(1.0, 0.05, n=6)
    frame = distances(own, own + around(0.5, 0.05, n=6))
    assert by_layer(frame, STUDY)[0]["p"] is not None
    few = frame[frame["problem"] != "p0"]
    assert by_layer(few, STUDY)[0]["p"] is None
    control = found_in(few, "distance to the oracle").evidence.control
    assert "mean of control − own is 0, over layers: no p" in control
    # Skewed differences of mean 0: flipping signs rejects them in .5 of data sets, here .03.
    rng, claimed = np.random.default_rng(5), 0
    for _ in range(60):
        gaps = np.exp(rng.standard_normal(12)) - np.exp(0.5)
        own = np.full(12, 20.0)
        claimed += by_layer(distances(own, own + gaps), STUDY)[0]["p"] <= 0.05
    assert claimed <= 7


def test_problems_that_all_agree_have_no_interval_and_one_that_decides_is_named():
    same = found_in(distances([2.0] * 8, [2.0] * 8), "distance to the oracle")
    assert (same.evidence.low, same.evidence.high) == (None, None)
    assert "no interval: all 8 values are 2" in same.answer
    one = [1.0, *[1e-5] * 7]
    frame = distances(one, one)
    (row,) = by_layer(frame, STUDY)
    assert row["relative_low"] >= 0
    assert row["relative_high"] <= 1.1, "the largest distance is 1"
    assert row["relative_limited"]
    assert "without p0 it is 0.00" in found_in(frame, "distance to the oracle").answer


def drifted(forced, unforced, control):
    rows = [
        {"problem": f"p{i}", "layer": 0, "arm": arm, "relative": value, "distance_to_whole": 1.0}
        for arm, values in (("forced", forced), ("unforced", unforced), ("control", control))
        for i, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("change", "word"),
    [(-0.5, "tokens reduces"), (0.5, "tokens increases"), (0.0, "tokens is not shown to change")],
)
def test_drift_is_forced_minus_free_and_says_so_only_beyond_its_interval(change, word):
    free = around(1.0, 0.1)
    frame = drifted(free + around(change, 0.1, seed=6), free, free + 0.2)
    (row,) = drift_by_layer(frame, STUDY)
    assert row["forced_change"] == pytest.approx(change, abs=1e-12)
    assert row["control_change"] == pytest.approx(0.2)
    assert row["control_p"] == 1.0, "equal in all problems: no test of it"
    (finding,) = drift_findings([row], {"drift": frame}, STUDY)
    assert word in finding.answer
    assert finding.evidence.value == pytest.approx(change, abs=1e-12)
