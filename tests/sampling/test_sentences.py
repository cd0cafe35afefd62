"""A finding's sentence claims no more than its interval."""

import re

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.figures.forks import fork_figures
from microtome.studies.sampling.judge_found import gap_of, judge_finding
from microtome.studies.sampling.methods_found import cluster_findings
from microtome.studies.sampling.spread_found import variance_findings

STUDY = Sampling.demo().model_copy(update={"layer": None})
NOISE = 0.05


def cells(values):
    """Rows of `variance` and `variance_by_setting` from split halves by (T, checkpoint, layer)."""
    rows, settings = [], []
    for (temperature, checkpoint, layer), split in values.items():
        place = {"temperature": temperature, "checkpoint": checkpoint, "layer": layer}
        split = np.asarray(split, float)
        rows += [
            {**place, "problem": f"p{i}", "n": 32, "split_half": value, "split_half_high": value,
             "split_half_relative": value, "tr_cov": 2.0 + NOISE * i}
            for i, value in enumerate(split)
        ]  # fmt: skip
        settings.append(
            {**place, "tr_cov_relative": 2.0, "split_half_relative": split.mean(),
             "control_relative": 0.0}
        )  # fmt: skip
    return settings, {"variance": pd.DataFrame(rows)}


def finding_on(values, about):
    found = variance_findings(*cells(values), STUDY)
    return next(finding for finding in found if about in finding.about)


def around(mean, spread, n=8, seed=0):
    values = np.random.default_rng(seed).standard_normal(n)
    return mean + spread * (values - values.mean()) / values.std(ddof=1)


@pytest.mark.parametrize(("truth", "claims"), [(1.0, True), (0.0, False), (-1.0, False)])
def test_a_largest_layer_that_is_not_above_0_is_not_said_to_vary(truth, claims):
    values = {(1.0, 6, layer): around(truth, 0.2, seed=layer) for layer in range(3)}
    finding = finding_on(values, "spread")
    (judged,) = judge([finding])
    assert (finding.evidence.low > 0) == claims
    assert (judged.verdict == "supported") == claims
    assert ("completions of one problem differ is not shown" in judged.answer) == (not claims)
    named = re.search(r"layer \d|In layer", f"{judged.answer} {finding.evidence.detail}")
    assert bool(named) == claims, "no largest layer where none is shown to vary"


def test_halves_of_different_completions_that_vary_fail_the_claim():
    values = {(1.0, 6, layer): around(1.0, 0.2, seed=layer) for layer in range(3)}
    settings, tables = cells(values)
    for low, verdict in ((-0.1, "supported"), (0.1, "control failed")):
        told = [row | {"control_relative_low": low} for row in settings]
        assert judge(variance_findings(told, tables, STUDY))[0].verdict == verdict


def test_one_problem_names_no_largest_layer():
    values = {(1.0, 6, layer): [1.0 + layer] for layer in range(3)}
    finding = finding_on(values, "spread")
    (judged,) = judge([finding])
    assert judged.verdict == "inconclusive"
    assert "layer" not in judged.answer
    assert "is not shown: 3.000 of mean |z|²" in judged.answer
    assert finding.evidence.detail.startswith("No interval")


def test_a_layer_is_named_where_both_halves_of_the_problems_choose_it():
    planted = {(1.0, 6, layer): around(1 + 4 * (layer == 2), 0.2, seed=layer) for layer in range(4)}
    (judged,) = judge([finding_on(planted, "spread")])
    assert "differ most in layer 2: 5.000" in judged.answer
    even = np.arange(8) % 2 == 0
    split = {(1.0, 6, 0): np.where(even, 3.0, 1.0), (1.0, 6, 1): np.where(even, 1.0, 3.0)}
    split = {place: values + around(0, 0.05) for place, values in split.items()}
    (judged,) = judge([finding_on(split, "spread")])
    assert "differ in a layer that stays open" in judged.answer
    assert "halves choose 0 and 1" in judged.finding.evidence.detail


@pytest.mark.parametrize(
    ("change", "word"), [(1.0, " rises: "), (-1.0, " falls: "), (0.0, " is not shown to change: ")]
)
def test_temperature_has_a_direction_only_beyond_the_interval(change, word):
    cool = around(3.0, 0.3)
    values = {(0.7, 6, 0): cool, (1.3, 6, 0): cool + around(change, 0.3, seed=1)}
    finding = finding_on(values, "T=1.3 against T=0.7")
    (judged,) = judge([finding])
    assert word in judged.answer
    assert (judged.verdict == "supported") == bool(change)
    assert finding.evidence.value == pytest.approx(change, abs=1e-9)
    assert finding.claim.least == pytest.approx(0.75), "a quarter of the variance at T = 0.7"
    assert f"a factor of {1 + change / 3:.2f}" in finding.evidence.detail


def test_a_ratio_to_what_may_be_0_is_not_given():
    values = {(1.3, 6, 0): around(0.1, 1.0), (1.3, 24, 0): around(3.0, 0.5, seed=1)}
    finding = finding_on(values, "length")
    assert (finding.evidence.value, finding.evidence.ends) == (None, None)
    (judged,) = judge([finding])
    assert (judged.verdict, judged.why) == ("inconclusive", "this design gives no p")
    assert "by an unknown factor: the first may be 0" in judged.answer
    assert "no known factor (the first variance may be 0)" in finding.evidence.detail
    assert "30" not in finding.answer + finding.evidence.detail, "3 / 0.1 is printed nowhere"
    for last, words in ((3.0, "grows to 2.00 times"), (0.75, "falls to 0.50 times")):
        sure = {(1.3, 6, 0): around(1.5, 0.1), (1.3, 24, 0): around(last, 0.1, seed=1)}
        finding = finding_on(sure, "length")
        assert finding.evidence.value == pytest.approx(last / 1.5)
        assert words in judge([finding])[0].answer


@pytest.mark.parametrize(
    ("below", "size"),
    [
        ((0, 0, 0, 0, 0, 0, 0, 0), "0.0%"),
        ((1, 1, 0, 0, 0, 0, 0, 0), "1.7%"),
        ((3, 3, 0, 0, 0, 0, 0, 0), "5.0%"),
        ((6, 5, 6, 5, 4, 6, 5, 6), "35.8%"),
    ],
)
def test_halves_depend_only_where_more_are_negative_than_by_chance(below, size):
    """Of 15 cells of each of eight problems so many are significantly negative."""
    values = {
        (1.0, 6, layer): [-1.0 if layer < count else 1.0 for count in below] for layer in range(15)
    }
    finding = finding_on(values, "split halves below 0")
    (judged,) = judge([finding])
    assert f"{size} of split halves are significantly negative" in judged.answer
    shown = finding.evidence.low > 0.025
    assert shown == (below[0] == 6)
    assert (judged.verdict == "supported") == shown
    assert ("The halves of a completion are not independent" in judged.answer) == shown
    assert ("Most of them are in layer 0" in finding.evidence.detail) == shown


def groups_found(singles, k=4):
    """Findings by subject, where K of the sets of one method alone is as given by problem."""
    place = {"refused": None, "layer": 2, "k": k, "stability_kmeans": 0.9, "methods": None,
             "verdict": "one cluster", "clustered": 10, "d": 4}  # fmt: skip
    tables = {
        "clusterings": pd.DataFrame([{**place, "problem": name} for name in singles]),
        "cluster_controls": pd.DataFrame(
            [{"problem": name, "method": f"m{i}", "n": 20, "d": 8, "k": k}
             for name, ks in singles.items() for i, k in enumerate(ks)]
        ),
    }  # fmt: skip
    return {found.about: found for found in cluster_findings(tables, [], STUDY)}


@pytest.mark.parametrize(
    ("apart", "count", "fails"),
    [
        ([(3, 2), (2, 2), (1, 4), (2, 2), (1, 2), (3, 2), (2, 1)], "11 of 14", True),
        ([(1, 1)] * 6 + [(1, 2)], "1 of 14", False),
        ([(1, 1)] * 7, "0 of 14", False),
        ([(2, 1)], "1 of 2", True),
    ],
)
def test_separate_groups_name_their_control_and_fall_with_it(apart, count, fails):
    found = groups_found({f"p{i}": ks for i, ks in enumerate(apart)})
    (judged,) = judge([found["separate groups"]])
    for about in ("separate groups", "number of clusters"):
        assert f"more than one group: {count}" in found[about].evidence.control
    assert (judged.verdict == "control failed") == fails
    assert ("form separate groups is not shown" in judged.answer) == fails
    assert ("form separate groups in 7 of 7 problems" in judged.answer) == (not fails)
    number = found["number of clusters"]
    assert number.claim is None
    assert "are parted into 4.0 groups a problem" in number.answer


def test_without_known_methods_the_groups_say_that_no_set_was_tried():
    found = groups_found({"p0": (), "p1": ()})["separate groups"]
    assert "no set of one known method to try" in found.evidence.control
    assert found.claim.control_holds is None


def test_a_k_of_1_in_all_problems_is_no_group_and_states_its_power():
    found = groups_found({f"p{i}": (1,) for i in range(8)}, k=1)["separate groups"]
    (judged,) = judge([found])
    assert judged.verdict != "supported"
    assert "is not shown: K > 1 in 0 of 8 problems" in judged.answer
    assert "Power to see two groups in 10 solutions" in found.evidence.detail


def test_one_large_fork_among_tiny_ones_does_not_stretch_the_axis():
    """Distances 1 and seven times 1e-5: no end of the band beyond 1.1 times the largest."""
    sizes = [1.0, *[1e-5] * 7]
    layers = pd.DataFrame(
        [
            {"problem": f"p{i}", "t": 0, "layer": layer, "D": size, "size": 1.0, "noise": None}
            for i, size in enumerate(sizes)
            for layer in range(2)
        ]
    )
    forks = pd.DataFrame(
        [
            {"problem": f"p{i}", "t": 0, "rank_in_problem": 1, "divergence": None, "spread": None}
            for i in range(8)
        ]
    )
    tables = {
        "forks": forks, "fork_layers": layers,
        "fork_points": forks, "fork_tokens": forks.assign(text="x"),
    }  # fmt: skip
    (lines,) = [f for f in fork_figures(STUDY, tables) if f.name == "fork_layers"]
    (series,) = lines.series
    assert max(series.high) <= 1.1
    assert min(series.low) == 0.0
    same = {**tables, "fork_layers": layers.assign(D=0.3)}
    (lines,) = [f for f in fork_figures(STUDY, same) if f.name == "fork_layers"]
    assert lines.series[0].high is None, "equal values: no band, and none of width 0"


def judged(rows):
    return pd.DataFrame(
        [
            {"problem": p, "kind": kind, "label": label, "left": i, "right": i + 1,
             "cluster_left": 0, "cluster_right": int(kind == "between")}
            for p, kind, labels in rows
            for i, label in enumerate(labels)
        ]
    )  # fmt: skip


def test_the_judges_value_is_the_mean_over_problems_that_its_interval_is_of():
    d, s = "different", "same"
    rows = judged(
        [("a", "between", [d, d, d, d]), ("a", "within", [s, s]), ("b", "between", [d, s]),
         ("b", "within", [s]), ("c", "between", [d]), ("c", "within", [d, s])]
    )  # fmt: skip
    gap = gap_of(rows, STUDY)
    assert gap.value == pytest.approx(np.mean([1.0, 0.5, 0.5]))
    finding = judge_finding(rows, STUDY)
    assert finding.evidence.value == gap.value
    assert finding.evidence.low <= finding.evidence.value <= finding.evidence.high <= 1
