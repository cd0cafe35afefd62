"""What every interval keeps, whatever the data: order, range, duality with p, levels, names."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from microtome.errors import InputError
from microtome.statistics import (
    Interval,
    Level,
    auroc,
    difference,
    mean,
    ratio,
    ratio_of_geometric_means,
    share,
    signed_share,
)

Data = tuple[np.ndarray, np.ndarray, list[int]]
Make = Callable[[Data, Level], Interval]
MAKERS: dict[str, Make] = {
    "mean": lambda d, at: mean(d[0] - 1, at=at, null=0.3),
    "mean by cluster": lambda d, at: mean(d[0], d[2], at, null=0.7),
    "positive mean": lambda d, at: mean(d[0], at=at, within=(0, np.inf), null=0.7),
    "share": lambda d, at: share(d[0] % 1, d[2], at, null=0.6),
    "items": lambda d, at: mean(d[0], d[2], at, weight="item", null=0.7),
    "share of items": lambda d, at: share(d[0] % 1, d[2], at, weight="item", null=0.6),
    "paired difference": lambda d, at: mean(d[0] % 1 - d[1] % 1, at=at, within=(-1, 1)),
    "strata": lambda d, at: mean(d[0], at=at, strata=[i % 2 for i in range(len(d[0]))], null=0.7),
    "share over strata": lambda d, at: share(
        d[0] % 1, at=at, strata=[i % 2 for i in range(len(d[0]))], null=0.6
    ),
    "difference": lambda d, at: difference(d[0], d[1], at, null=0.2),
    "difference of shares": lambda d, at: difference(d[0] % 1, d[1] % 1, at, within=(0, 1)),
    "ratio": lambda d, at: ratio(d[0], d[1] + 1, at=at, null=0.6),
    "signed share": lambda d, at: signed_share(d[0], (d[1] + 0.5) * np.sign(d[0] - 0.6), at=at),
    "geometric": lambda d, at: ratio_of_geometric_means(d[0], d[1], at=at),
    "auroc": lambda d, at: auroc(
        np.r_[d[0], d[1]], np.arange(2 * len(d[0])) < len(d[0]), [*d[2], *d[2]], at
    ),
}
NULLS = {
    "mean": 0.3, "mean by cluster": 0.7, "positive mean": 0.7, "share": 0.6, "items": 0.7,
    "share of items": 0.6, "strata": 0.7, "share over strata": 0.6, "difference": 0.2, "ratio": 0.6,
    "geometric": 1.0, "auroc": 0.5,
}  # fmt: skip
FAST = Level(0.95, 199, 3)


def data_sets() -> list[Data]:
    rng = np.random.default_rng(0)
    found = []
    for n in (4, 6, 7, 9, 14):
        for law in ("exponential", "ties", "far"):
            x, y = rng.exponential(size=(2, n))
            if law == "ties":
                x, y = np.ceil(3 * x) / 4, np.ceil(3 * y) / 4
            if law == "far":
                x = x + 2
            found.append((x, y, (rng.permutation(n) // 2 if n > 7 else np.arange(n)).tolist()))
    return found


@pytest.mark.parametrize("kind", MAKERS)
def test_value_within_its_interval_and_equal_data_equal_numbers(kind: str) -> None:
    for data in data_sets():
        found = MAKERS[kind](data, FAST)
        again = MAKERS[kind](
            tuple(map(type(data[0]).copy, data[:2])) + data[2:], Level(0.95, 199, 3)
        )  # type: ignore[arg-type]
        assert found == again
        if found.ends is None:
            assert found.reason
            assert found.p is None
        else:
            assert found.ends[0] <= found.value <= found.ends[1]
            assert found.reason == ""
            assert 0 < (found.p or 0) <= 1


@pytest.mark.parametrize("kind", MAKERS)
def test_p_and_interval_never_disagree(kind: str) -> None:
    null = NULLS.get(kind, 0.0)
    disputed = 0
    for data in data_sets():
        p = MAKERS[kind](data, FAST).p
        if p is None or not 1e-6 < p < 0.9:
            continue
        disputed += 1
        for alpha, out in ((p * 1.001, True), (p * 0.999, False)):
            found = MAKERS[kind](data, Level(1 - alpha, 199, 3))
            assert found.excludes(null) == out, (kind, p, alpha)
    assert disputed >= 4


@pytest.mark.parametrize("kind", MAKERS)
def test_a_higher_level_is_no_narrower(kind: str) -> None:
    for data in data_sets():
        ends = [MAKERS[kind](data, Level(level, 199, 3)).ends for level in (0.5, 0.8, 0.95, 0.99)]
        known = [one for one in ends if one is not None]
        for inner, outer in pairwise(known):
            assert outer[0] <= inner[0]
            assert inner[1] <= outer[1]
        assert ends[0] is None or ends[-1] is None or ends[0] != ends[-1]


@pytest.mark.parametrize("kind", [k for k in MAKERS if "strata" not in k])
def test_neither_names_nor_order_of_clusters_matter(kind: str) -> None:
    rng = np.random.default_rng(1)
    for x, y, clusters in data_sets():
        found = MAKERS[kind]((x, y, clusters), FAST)
        order = rng.permutation(len(x))
        names = [f"cluster {100 - clusters[i]}" for i in order]
        moved = MAKERS[kind]((x[order], y[order], names), FAST)  # type: ignore[arg-type]
        assert moved.value == pytest.approx(found.value, rel=1e-12)
        assert moved.ends == (found.ends and pytest.approx(found.ends, rel=1e-9, abs=1e-12))


def test_order_of_strata_does_not_matter() -> None:
    rng = np.random.default_rng(2)
    x, strata = rng.exponential(size=18), np.repeat(["a", "b", "c"], 6)
    found = mean(x, strata=strata.tolist())
    assert mean(x[::-1], strata=strata[::-1].tolist()).ends == pytest.approx(found.ends, rel=1e-12)
    shuffled = rng.permutation(18)
    moved = mean(x[shuffled], strata=strata[shuffled].tolist())
    assert moved.ends == pytest.approx(found.ends, rel=1e-12)


@pytest.mark.parametrize("n", [5, 9])
def test_units_of_measurement_do_not_matter(n: int) -> None:
    rng = np.random.default_rng(n)
    x, y = rng.exponential(size=(2, n))
    for scale, shift in ((3.0, 0.0), (1e-8, 0.0), (1e8, 0.0), (2.0, 5.0), (-1.0, 0.0)):
        found, moved = mean(x), mean(scale * x + shift)
        ends = sorted(scale * end + shift for end in found.ends or ())
        assert moved.ends == pytest.approx(tuple(ends), rel=1e-7)
        assert moved.p == pytest.approx(found.p) or shift
        unpaired = difference(scale * x + shift, scale * y + shift).ends
        ends = sorted(scale * end for end in difference(x, y).ends or ())
        assert unpaired == pytest.approx(tuple(ends), rel=1e-6)
    inside = share(x % 1).ends or ()
    wide = mean(10 * (x % 1) - 3, within=(-3, 7)).ends
    assert wide == pytest.approx(tuple(10 * end - 3 for end in inside), rel=1e-9)
    assert ratio(5 * x, 2 * (y + 1)).ends == pytest.approx(
        tuple(2.5 * end for end in ratio(x, y + 1).ends or ()), rel=1e-9
    )


def test_draws_depend_on_the_seed_from_eight_clusters_on() -> None:
    x = np.random.default_rng(0).exponential(size=12)
    assert mean(x, at=Level(seed=1)).ends != mean(x, at=Level(seed=2)).ends
    assert mean(x[:7], at=Level(seed=1)) == mean(x[:7], at=Level(seed=2))
    assert mean(x[:7], at=Level(resamples=99)) == mean(x[:7], at=Level(resamples=9999))


def test_a_direction_rests_on_an_interval_that_leaves_the_null_out() -> None:
    at_edge = Interval(0.5, 0.0, 1.0, 0.95, 4, 4)
    assert not at_edge.excludes(0.0)
    assert not at_edge.excludes(1.0)
    assert at_edge.excludes(-0.01)
    assert not Interval(5.0, None, None, 0.95, 1, 1).excludes(0)
    assert str(at_edge) == "0.5 [0, 1] (n = 4)"
    assert str(mean([2.0])) == "2 (no interval: one cluster only)"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"level": 1.5}, "between 0 and 1"), ({"level": -1}, "between 0 and 1"),
        ({"level": True}, "level is a confidence"), ({"level": "0.9"}, "level is a confidence"),
        ({"level": float("nan")}, "between 0 and 1"), ({"level": 1}, "between 0 and 1"),
        ({"resamples": 98}, "at least 99"), ({"resamples": 200.5}, "whole number"),
        ({"resamples": True}, "whole number"), ({"resamples": float("inf")}, "whole number"),
        ({"seed": -1}, "from 0 on"), ({"seed": True}, "from 0 on"), ({"seed": 1.0}, "from 0 on"),
    ],
)  # fmt: skip
def test_an_impossible_level_is_refused(wrong: dict, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        Level(**wrong)
