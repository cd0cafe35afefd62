"""Intervals of tables' columns, how they are worded, and when a direction may be."""

import numpy as np
import pandas as pd
import pytest

from microtome import statistics
from microtome.errors import InputError, NumericsError
from microtome.lab import evidence
from microtome.statistics import Interval, Level

FRAME = pd.DataFrame(
    {
        "problem": [f"p{i // 3}" for i in range(18)],
        "model": ["a", "b", "c"] * 6,
        "right": [True, True, False] * 4 + [True] * 6,
        "gap": np.linspace(-1, 2, 18) ** 3,
        "tokens": np.arange(10.0, 28.0),
        "note": "text",
    }
)
AT = Level(resamples=199)


def test_columns_go_to_the_one_package() -> None:
    problems, gap = FRAME["problem"].tolist(), FRAME["gap"].to_numpy()
    found = evidence.mean(FRAME, "gap", by="problem", at=AT, null=0.1)
    assert found == statistics.mean(gap, problems, AT, null=0.1)
    cut = evidence.mean(FRAME, "gap", by="problem", at=AT, within=(-1, 8))
    assert cut == statistics.mean(gap, problems, AT, within=(-1, 8))
    assert evidence.mean(FRAME, "gap", by=None, at=AT) == statistics.mean(gap, None, AT)
    right = evidence.share(FRAME, "right", by="problem", at=AT)
    assert right == statistics.share(FRAME["right"], problems, AT)
    layered = evidence.share(FRAME, "right", by=None, at=AT, strata="model")
    assert layered == statistics.share(FRAME["right"], None, AT, strata=FRAME["model"].tolist())
    each = evidence.ratio(FRAME, "gap", "tokens", by="problem", at=AT)
    assert each == statistics.ratio(gap, FRAME["tokens"], problems, AT)


def test_a_missing_column_cluster_or_number_is_refused() -> None:
    with pytest.raises(InputError, match="no column 'gaps'; the table has problem, model, right"):
        evidence.mean(FRAME, "gaps", by=None, at=AT)
    with pytest.raises(InputError, match="no column 'scenario'"):
        evidence.mean(FRAME, "gap", by="scenario", at=AT)
    with pytest.raises(InputError, match="'note' holds values that are no numbers"):
        evidence.mean(FRAME, "note", by=None, at=AT)
    nameless = FRAME.assign(problem=[None, *FRAME["problem"][1:]])
    with pytest.raises(InputError, match="'problem' names no cluster in 1 rows"):
        evidence.mean(nameless, "gap", by="problem", at=AT)
    with pytest.raises(NumericsError, match="2 of the values are not finite"):
        evidence.mean(FRAME.assign(gap=[np.nan, np.inf, *range(16)]), "gap", by=None, at=AT)


def test_columns_of_a_table() -> None:
    found = evidence.share(FRAME, "right", by="problem", at=AT)
    assert evidence.columns(found) == {
        "low": found.low, "high": found.high, "n": 18, "clusters": 6,
        "method": "clopper-pearson", "n_star": found.effective, "limited": False,
    }  # fmt: skip
    prefixed = evidence.columns(found, "right", value=True)
    assert prefixed["right_value"] == found.value
    assert set(prefixed) == {"right_value", *(f"right_{name}" for name in evidence.columns(found))}
    assert evidence.bounds(found) == {
        "value": found.value, "low": found.low, "high": found.high, "n": 18,
    }  # fmt: skip


def test_wording() -> None:
    found = Interval(0.2, 0.1, 0.349, 0.95, 18, 6)
    assert evidence.worded(found, "problems") == "95 % interval 0.10 to 0.35 over 6 problems"
    assert evidence.worded(found, "pairs", ".0%") == "95 % interval 10% to 35% over 6 pairs"
    half = Interval(0.2, 0.1, 0.3, 0.995, 18, 6)
    assert evidence.worded(half, "problems").startswith("99.5 % interval")
    none = statistics.mean([0.31] * 8)
    assert evidence.worded(none, "problems") == (
        "no interval: all 8 values are 0.31: nothing is known of their spread"
    )


def test_one_deciding_cluster_is_named() -> None:
    tiny = [1e-5 * (1 + 0.1 * i) for i in range(7)]
    found = statistics.mean([*tiny, 0.8], [f"p{i}" for i in range(8)])
    text = evidence.worded(found, "problems")
    assert text.startswith("95 % interval ")
    assert text.endswith("over 8 problems; one of the problems decides: without p7 it is 0.00")
    assert "decides" not in evidence.worded(statistics.mean(np.arange(8.0)), "problems")


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [(0.1, 0.3, "more"), (-0.1, 0.3, "as much"), (0.0, 0.3, "as much"), (None, None, "as much")],
)
def test_a_direction_needs_an_interval_that_leaves_0_out(
    low: float | None, high: float | None, word: str
) -> None:
    found = Interval(0.2, low, high, 0.95, 8, 8)
    assert evidence.direction(found, "more", "less", "as much") == word
    mirrored = Interval(-0.2, *(None if e is None else -e for e in (high, low)), 0.95, 8, 8)  # type: ignore[arg-type, misc]
    expected = {"more": "less"}.get(word, word)
    assert evidence.direction(mirrored, "more", "less", "as much") == expected
    assert evidence.direction(Interval(0.6, 0.55, 0.7, 0.95, 8, 8), "+", "-", "=", null=0.5) == "+"
    assert evidence.direction(Interval(0.6, 0.45, 0.7, 0.95, 8, 8), "+", "-", "=", null=0.5) == "="
    assert evidence.direction(Interval(0.4, 0.3, 0.45, 0.95, 8, 8), "+", "-", "=", null=0.5) == "-"


def test_the_audit_of_intervals() -> None:
    sound = [evidence.share(FRAME, "right", by=by, at=AT) for by in ("problem", "model", None)]
    assert evidence.audit([*sound, statistics.mean([1.0])], (0, 1)).passed
    astray = Interval(0.5, 0.6, 0.9, 0.95, 8, 8)
    outside = Interval(0.5, -0.1, 0.9, 0.95, 8, 8)
    for wrong in (astray, outside):
        found = evidence.audit([*sound, wrong], (0, 1))
        assert (found.passed, found.value) == (False, 1)
    assert evidence.audit([outside]).passed
    nan = Interval(float("nan"), 0.1, 0.9, 0.95, 8, 8)
    assert not evidence.audit([nan]).passed


def test_the_audit_counts_limited_intervals() -> None:
    spike = statistics.mean([1.0] + [1e-5 * (1 + 0.1 * i) for i in range(7)])
    assert spike.limited
    found = evidence.audit([spike, statistics.mean(np.arange(8.0))])
    assert found.passed
    assert found.note == "2 intervals; one cluster limits 1"
    assert evidence.audit([statistics.mean(np.arange(8.0))]).note == ""
