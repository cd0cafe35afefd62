"""A finding's sentence claims no more than its interval."""

import numpy as np
import pandas as pd
import pytest

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
    assert (finding.evidence.low > 0) == claims
    assert ("completions of one problem differ" in finding.answer) == claims
    assert ("no layer is shown to vary" in finding.answer) == (not claims)
    assert ("In layer" in finding.answer) == claims, "no largest layer where none is shown to vary"


def test_one_problem_names_no_largest_layer():
    values = {(1.0, 6, layer): [1.0 + layer] for layer in range(3)}
    finding = finding_on(values, "spread")
    assert "In layer" not in finding.answer
    assert "is 3.000 of mean |z|² (no interval" in finding.answer


def test_a_layer_is_named_where_both_halves_of_the_problems_choose_it():
    planted = {(1.0, 6, layer): around(1 + 4 * (layer == 2), 0.2, seed=layer) for layer in range(4)}
    finding = finding_on(planted, "spread")
    assert "differ most in layer 2: 5.000" in finding.answer
    even = np.arange(8) % 2 == 0
    split = {(1.0, 6, 0): np.where(even, 3.0, 1.0), (1.0, 6, 1): np.where(even, 1.0, 3.0)}
    split = {place: values + around(0, 0.05) for place, values in split.items()}
    assert "halves of the problems choose 0 and 1" in finding_on(split, "spread").answer


@pytest.mark.parametrize(
    ("change", "word"), [(1.0, " rises "), (-1.0, " falls "), (0.0, " is not shown to change ")]
)
def test_temperature_has_a_direction_only_beyond_the_interval(change, word):
    cool = around(3.0, 0.3)
    values = {(0.7, 6, 0): cool, (1.3, 6, 0): cool + around(change, 0.3, seed=1)}
    finding = finding_on(values, "T=1.3 against T=0.7")
    assert word in finding.answer
    assert finding.evidence.value == pytest.approx(change, abs=1e-9)
    assert f"a factor of {1 + change / 3:.2f}" in finding.answer


def test_a_ratio_to_what_may_be_0_is_not_given():
    values = {(1.3, 6, 0): around(0.1, 1.0), (1.3, 24, 0): around(3.0, 0.5, seed=1)}
    finding = finding_on(values, "length")
    assert (finding.evidence.value, finding.evidence.low, finding.evidence.high) == (
        None,
        None,
        None,
    )
    assert "no known factor (the first variance may be 0)" in finding.answer
    assert "30" not in finding.answer.split("tr Cov")[0], "3 / 0.1 is printed nowhere"
    sure = {(1.3, 6, 0): around(1.5, 0.1), (1.3, 24, 0): around(3.0, 0.5, seed=1)}
    assert finding_on(sure, "length").evidence.value == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("below", "words"),
    [
        ((1, 1, 0, 0, 0, 0, 0, 0), "1.7% of the cells"),
        ((3, 3, 0, 0, 0, 0, 0, 0), "not shown to be more than the 2.5% by chance"),
        ((6, 5, 6, 5, 4, 6, 5, 6), "the halves are not independent"),
    ],
)
def test_halves_depend_only_where_more_are_negative_than_by_chance(below, words):
    """Of 15 cells of each of eight problems so many are significantly negative."""
    values = {
        (1.0, 6, layer): [-1.0 if layer < count else 1.0 for count in below] for layer in range(15)
    }
    finding = finding_on(values, "split halves below 0")
    assert words in finding.answer
    shown = finding.evidence.low > 0.025
    assert ("halves are not independent" in finding.answer) == shown
    assert ("most often in layer" in finding.answer) == shown
    few = finding.evidence.value <= 0.025
    assert ("no more than the 2.5% by chance" in finding.answer) == few


def groups_found(singles):
    """The number of groups, where K of the sets of one method alone is as given by problem."""
    place = {"refused": None, "layer": 2, "k": 4, "stability_kmeans": 0.9, "methods": None}
    tables = {
        "clusterings": pd.DataFrame([{**place, "problem": name} for name in singles]),
        "cluster_controls": pd.DataFrame(
            [{"problem": name, "method": f"m{i}", "n": 20, "d": 8, "k": k}
             for name, ks in singles.items() for i, k in enumerate(ks)]
        ),
    }  # fmt: skip
    return next(f for f in cluster_findings(tables, [], STUDY) if f.about == "number of clusters")


@pytest.mark.parametrize(
    ("apart", "count", "fails"),
    [
        ([(3, 2), (2, 2), (1, 4), (2, 2), (1, 2), (3, 2), (2, 1)], "11 of 14", True),
        ([(1, 1)] * 6 + [(1, 2)], "1 of 14", False),
        ([(1, 1)] * 7, "0 of 14", False),
        ([(2, 1)], "1 of 2", True),
    ],
)
def test_the_number_of_groups_names_its_control_and_falls_with_it(apart, count, fails):
    finding = groups_found({f"p{i}": ks for i, ks in enumerate(apart)})
    assert f"more than one group: {count}" in finding.evidence.control
    assert finding.answer.startswith("The control fails: " + count) == fails
    assert ("so the number of groups is not shown" in finding.answer) == fails
    assert ("form 4.0 separate groups" in finding.answer) == (not fails)


def test_without_known_methods_the_number_of_groups_says_that_no_set_was_tried():
    assert (
        "no set of one known method to try" in groups_found({"p0": (), "p1": ()}).evidence.control
    )


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
