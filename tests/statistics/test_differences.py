"""Differences of independent groups, and means over strata."""

from math import sqrt

import numpy as np
import pytest
from scipy import stats

from microtome.errors import InputError
from microtome.statistics import Level, difference, mean, share
from tests.statistics import reference


@pytest.mark.parametrize("sizes", [(2, 2), (3, 2), (4, 7), (12, 4), (20, 20)])
def test_shares_are_square_and_add_of_their_own_intervals(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(sum(sizes))
    for draw in (rng.random, lambda n: rng.integers(0, 2, n).astype(float), np.ones):
        a, b = draw(sizes[0]), draw(sizes[1]) * 0.5
        found = difference(a, b, within=(0, 1))
        ends = [reference.bounded(x.tolist(), (0, 1)) for x in (a, b)]
        wanted = reference.mover(ends[0], a.mean(), ends[1], b.mean())
        assert found.value == pytest.approx(a.mean() - b.mean())
        assert found.ends == pytest.approx(np.clip(wanted, -1, 1), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("sizes", [(4, 5), (5, 4)])
def test_unbounded_means_are_square_and_add_of_hulls(sizes: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    a, b = rng.normal(2, 1, sizes[0]), rng.exponential(size=sizes[1])
    ends = [reference.hull(x.tolist(), [1.0] * len(x)) for x in (a, b)]
    wanted = reference.mover(ends[0], a.mean(), ends[1], b.mean())
    assert difference(a, b).ends == pytest.approx(wanted, rel=1e-9)
    mirrored = difference(b, a).ends
    assert mirrored == pytest.approx((-wanted[1], -wanted[0]), rel=1e-9)


def test_clusters_of_both_sides_are_averaged() -> None:
    a, names = [0.1, 0.3, 0.9, 0.8, 0.4], ["x", "x", "y", "y", "z"]
    found = difference(a, [0.2, 0.1], a_clusters=names, within=(0, 1))
    assert found.ends == difference([0.2, 0.85, 0.4], [0.2, 0.1], within=(0, 1)).ends
    assert (found.n, found.clusters) == (7, 5)


def test_too_few_or_equal_clusters() -> None:
    few = difference([1.0, 2.0, 3.0], [1.0, 2.0, 3.0, 4.0])
    assert (few.ends, few.reason) == (None, "3 against 4 clusters, 4 a side are needed")
    lone = difference([1.0], [0.0, 0.5], within=(0, 1))
    assert (lone.ends, lone.reason) == (None, "1 against 2 clusters, 2 a side are needed")
    equal = difference([1.0] * 5, [1.0, 2.0, 3.0, 4.0])
    assert equal.reason == "all values of a side are equal: nothing is known of their spread"
    with pytest.raises(InputError, match="1 of the values lie outside"):
        difference([0.0, 2.0], [0.0, 1.0], within=(0, 1))


def test_a_limited_side_is_reported() -> None:
    spike = [1.0] + [1e-5 * (1 + 0.1 * i) for i in range(7)]
    assert difference(spike, np.arange(8.0)).limited
    assert not difference(np.arange(8.0), np.arange(8.0)).limited


def strata_of(rng: np.random.Generator, sizes: list[int]) -> tuple[np.ndarray, list[str]]:
    names = [f"s{h}" for h, size in enumerate(sizes) for _ in range(size)]
    return rng.random(len(names)) + np.repeat(np.arange(len(sizes)), sizes), names


def satterthwaite(parts: list[np.ndarray]) -> tuple[float, float]:
    v = [stats.tvar(p) / len(p) for p in parts]
    return sqrt(sum(v)) / len(parts), sum(v) ** 2 / sum(
        one**2 / (len(p) - 1) for one, p in zip(v, parts, strict=True)
    )


@pytest.mark.parametrize("sizes", [[2, 2], [2, 5, 3], [2] * 6])
def test_strata_of_two_take_students_t(sizes: list[int]) -> None:
    x, strata = strata_of(np.random.default_rng(0), sizes)
    parts = np.split(x, np.cumsum(sizes)[:-1])
    error, df = satterthwaite(parts)
    value, q = np.mean([p.mean() for p in parts]), stats.t.ppf(0.975, df)
    found = mean(x, strata=strata)
    assert found.value == pytest.approx(value)
    assert found.ends == pytest.approx((value - q * error, value + q * error), rel=1e-9)


def test_larger_strata_are_drawn_within() -> None:
    rng = np.random.default_rng(5)
    sizes = [3, 4, 6]
    x, strata = strata_of(rng, sizes)
    x = x**4
    at = Level(resamples=499, seed=3)
    parts = [
        np.array(sorted(p, key=lambda one: abs(one - p.mean())))
        for p in np.split(x, np.cumsum(sizes)[:-1])
    ]
    parts.sort(key=lambda p: [abs(one - p.mean()) for one in p])
    error, df = satterthwaite(parts)
    draws, generator = [[] for _ in range(499)], np.random.default_rng(3)
    for p in parts:
        for draw, index in zip(draws, generator.integers(len(p), size=(499, len(p))), strict=True):
            draw.append([float(p[i]) for i in index])
    value, t = np.mean([p.mean() for p in parts]), []
    for draw in draws:
        spread = sqrt(sum(np.var(one, ddof=1) / len(one) for one in draw)) / 3
        apart = np.mean([np.mean(one) for one in draw]) - value
        t.append(apart / spread if spread > 1e-12 else np.copysign(np.inf, apart))
    q = stats.t.ppf(0.975, df)
    u, v = (reference.upper(side, [1 / 500] * 499, 0.975) for side in (t, [-one for one in t]))
    wanted = (value - min(max(u, q), 3 * q) * error, value + min(max(v, q), 3 * q) * error)
    assert mean(x, strata=strata, at=at).ends == pytest.approx(wanted, rel=1e-9)


@pytest.mark.parametrize("sizes", [[2, 2], [3, 5, 2], [4, 4, 4]])
def test_shares_over_strata(sizes: list[int]) -> None:
    x, strata = strata_of(np.random.default_rng(1), sizes)
    x = x % 1
    parts = np.split(x, np.cumsum(sizes)[:-1])
    means = [p.mean() for p in parts]
    wanted = reference.bounded(
        means, (0, 1), variance=satterthwaite(parts)[0] ** 2, floor=sum(sizes),
        df=sum(sizes) - len(sizes),
    )  # fmt: skip
    assert share(x, strata=strata).ends == pytest.approx(wanted, rel=1e-9)


def test_strata_take_out_what_differs_between_them() -> None:
    rng = np.random.default_rng(6)
    strata = np.repeat(np.arange(5), 4)
    x = 10.0 * strata + rng.normal(size=20)
    inside, across = mean(x, strata=strata.tolist()), mean(x, strata.tolist())
    assert inside.value == pytest.approx(across.value)
    assert inside.ends is not None
    assert across.ends is not None
    assert inside.ends[1] - inside.ends[0] < 0.2 * (across.ends[1] - across.ends[0])


def test_one_stratum_is_none() -> None:
    x = [0.2, 1.5, 0.7, 0.9, 0.1]
    assert mean(x, strata=["s"] * 5) == mean(x)
    assert mean(x[:2], strata=["s"] * 2).reason == "2 clusters only, 4 are needed"


def test_strata_without_an_interval() -> None:
    lone = mean([1.0, 2.0, 3.0], strata=["a", "a", "b"])
    assert (lone.ends, lone.reason) == (None, "a stratum has one cluster only")
    equal = mean([1.0, 1.0, 3.0, 3.0], strata=["a", "a", "b", "b"])
    assert equal.reason == "all values of each stratum are equal: nothing is known of their spread"
    with pytest.raises(InputError, match="2 values need 2 strata, got 1"):
        mean([1.0, 2.0], strata=["a"])
    with pytest.raises(InputError, match="2 values need 2 clusters, got 3"):
        mean([1.0, 2.0], [1, 2, 3], strata=["a", "b"])


def test_the_deciding_cluster_of_strata_is_named() -> None:
    tiny = [1e-5 * (1 + 0.1 * i) for i in range(11)]
    x = [*tiny[:6], 1.0, *tiny[6:]]
    names = [f"c{i}" for i in range(12)]
    found = mean(x, names, strata=["a"] * 6 + ["b"] * 6)
    assert (found.limited, found.decider) == (True, "c6")
    assert found.without == pytest.approx((np.mean(tiny[:6]) + np.mean(tiny[6:])) / 2)
