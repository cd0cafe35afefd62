"""Tests of many columns at once, against every draw and every flip."""

from itertools import product

import numpy as np
import pytest

from microtome.errors import InputError, NumericsError
from microtome.statistics import Level, mean_is_0, smallest_flip_p, symmetric_about_0
from tests.statistics import reference


def skewed(rng: np.random.Generator, n: int, m: int) -> np.ndarray:
    return rng.exponential(size=(n, m)) - 0.4


def test_every_draw_of_six_clusters() -> None:
    x = skewed(np.random.default_rng(0), 6, 3)
    centred = x - x.mean(0)
    index = np.indices((6,) * 6).reshape(6, -1).T
    drawn = centred[index]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(drawn.mean(1)) / (drawn.std(1, ddof=1) / np.sqrt(6))
    t[(index == index[:, :1]).all(1)] = np.inf
    seen = np.array([reference.t_statistic(column) for column in x.T])
    found = mean_is_0(x)
    assert found.p == pytest.approx((t.max(1)[:, None] >= seen).mean(0), rel=1e-9)
    assert found.single == pytest.approx((t >= seen).mean(0), rel=1e-9)
    assert np.abs(found.t) == pytest.approx(seen)
    assert found.floor == pytest.approx(6 / 6**6)
    assert found.p_of(found.t) == pytest.approx(found.p)


def test_drawn_clusters_count_one_draw_more() -> None:
    at = Level(resamples=199, seed=4)
    x = skewed(np.random.default_rng(1), 9, 4)
    centred = x - x.mean(0)
    index = np.random.default_rng(4).integers(9, size=(199, 9), dtype=np.int32)
    largest = [max(reference.t_statistic(centred[row, j]) for j in range(4)) for row in index]
    seen = [reference.t_statistic(column) for column in x.T]
    wanted = [(1 + sum(one >= t for one in largest)) / 200 for t in seen]
    assert mean_is_0(x, at=at).p == pytest.approx(wanted)
    assert mean_is_0(x + 100, at=at).p == pytest.approx(1 / 200)


@pytest.mark.parametrize("n", [2, 5, 7])
def test_every_flip(n: int) -> None:
    x = np.random.default_rng(n).normal(0.5, 1, (n, 3))
    seen = [reference.t_statistic(column) for column in x.T]
    flips = [np.array(signs)[:, None] * x for signs in product((1, -1), repeat=n)]
    drawn = [[reference.t_statistic(column) * (1 + 1e-9) for column in one.T] for one in flips]
    found = symmetric_about_0(x)
    assert found.p == pytest.approx([np.mean([max(d) >= t for d in drawn]) for t in seen])
    assert found.single == pytest.approx(
        [np.mean([d[j] >= t for d in drawn]) for j, t in enumerate(seen)]
    )
    assert found.floor == smallest_flip_p(n) == 2 / 2**n
    assert found.p.min() >= found.floor


def test_flips_of_many_clusters_are_drawn() -> None:
    at = Level(resamples=299, seed=1)
    x = np.random.default_rng(0).normal([3.0, 0.0], 1, (12, 2))
    found = symmetric_about_0(x, at=at)
    assert found.p[0] == found.floor == smallest_flip_p(12, at) == pytest.approx(1 / 300)
    assert found.p[1] > 0.05


def test_more_flips_than_resamples_are_drawn() -> None:
    at = Level(resamples=199)
    assert smallest_flip_p(7, at) == 2 / 2**7
    found = symmetric_about_0(10 + np.random.default_rng(0).normal(size=(9, 1)), at=at)
    assert found.floor == smallest_flip_p(9, at) == pytest.approx(1 / 200)
    # 512 flips are more than 199: listed, the two that reach would give .004.
    assert found.p[0] >= found.floor
    assert found.p[0] * 200 == pytest.approx(round(found.p[0] * 200))


@pytest.mark.parametrize("spread", [1e-3, 1e-5, 1e-6, 1e-8])
@pytest.mark.parametrize("test", [symmetric_about_0, mean_is_0])
def test_no_p_lies_below_the_floor(test, spread: float) -> None:  # type: ignore[no-untyped-def]
    for seed in range(5):
        for n in (6, 8, 9):
            x = 1 + spread * np.random.default_rng(seed).normal(size=(n, 4))
            found = test(x)
            assert (found.p >= found.floor * (1 - 1e-9)).all()
            assert (found.single >= found.floor * (1 - 1e-9)).all()
            assert (found.p <= 0.05).all()


@pytest.mark.parametrize("test", [symmetric_about_0, mean_is_0])
def test_what_is_planted_is_found_and_nothing_else(test) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(3)
    x = rng.normal(size=(40, 30))
    x[:, 4] += 1.5
    found = test(x)
    assert found.p[4] <= 0.005
    assert np.delete(found.p, 4).min() > 0.05
    assert (found.single <= found.p + 1e-12).all()


def test_equal_columns_and_too_few_clusters() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack(
        [np.full(8, 0.1), rng.normal(size=8), np.zeros(8), [0.1 + 0.2] * 4 + [0.3] * 4]
    )
    for test in (symmetric_about_0, mean_is_0):
        assert test(x).p[[0, 2, 3]].tolist() == [1, 1, 1]
        assert test(x).single[[0, 2, 3]].tolist() == [1, 1, 1]
        assert test(x).p[1] == pytest.approx(test(x[:, 1:2]).p[0])
    few = mean_is_0(x[:5])
    assert few.reason == "5 clusters; testing for a mean of 0 takes 6"
    assert np.isnan(few.p[1])
    assert few.p[0] == few.floor == 1
    assert symmetric_about_0(x[:5]).floor > 0.05


@pytest.mark.parametrize("unit", [0.1, 0.7, 1 / 3, 1.1e-5])
def test_clusters_at_the_mean_are_at_distance_0(unit: float) -> None:
    x = np.array([[1.0, 2, 2, 2, 2, 3], [4.0, 5, 6, 5, 5, 5]]).T
    assert mean_is_0(unit * (x - 1.5)).p == pytest.approx(mean_is_0(x - 1.5).p, rel=1e-9)
    assert mean_is_0(unit * x).p == pytest.approx(mean_is_0(x).p, rel=1e-9)


def test_rows_of_a_cluster_are_averaged() -> None:
    rng = np.random.default_rng(5)
    x, clusters = rng.normal(0.3, 1, (24, 3)), np.repeat(np.arange(6), 4)
    means = np.array([x[clusters == c].mean(0) for c in range(6)])
    for test in (symmetric_about_0, mean_is_0):
        assert test(x, clusters.tolist()).p == pytest.approx(test(means).p)
        assert test(x, clusters.tolist()).clusters == 6


def test_one_value_is_a_column_and_no_value_is_none() -> None:
    for test in (symmetric_about_0, mean_is_0):
        for empty in (np.empty((0, 3)), np.empty((3, 0)), np.ones(3)):
            with pytest.raises(InputError, match=r"effects \[clusters, columns\]"):
                test(empty)
    assert "1 clusters" in mean_is_0([[0.3]]).reason


def test_scale_does_not_matter() -> None:
    x = np.random.default_rng(6).normal(0.5, 1, (8, 3))
    x[0] = 0
    for test in (symmetric_about_0, mean_is_0):
        for scale in (1e-200, 1e200, [1.0, 1e-6, -1e9]):
            assert test(x * scale).p == pytest.approx(test(x).p)


@pytest.mark.parametrize("block", [1, 100])
def test_blocks_give_what_one_block_gives(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    x = np.random.default_rng(7).normal(0.5, 1, (9, 6))
    whole = [test(x).p.tolist() for test in (symmetric_about_0, mean_is_0)]
    monkeypatch.setattr("microtome.statistics.columns._BLOCK", block)
    assert [test(x).p.tolist() for test in (symmetric_about_0, mean_is_0)] == whole


@pytest.mark.parametrize("n", [6, 8, 12])
def test_mean_is_0_keeps_its_level_where_values_are_skewed_and_flips_do_not(n: int) -> None:
    rng = np.random.default_rng(n)
    at = Level(resamples=399)
    claims = {mean_is_0: 0, symmetric_about_0: 0}
    for _ in range(200):
        x = rng.lognormal(size=(n, 20)) - np.exp(0.5)
        for test in claims:
            claims[test] += (test(x, at=at).p <= 0.05).any()
    assert claims[mean_is_0] <= 16
    assert claims[symmetric_about_0] > 40


def test_flips_keep_their_level_where_values_are_symmetric() -> None:
    rng = np.random.default_rng(4)
    at = Level(resamples=399)
    claims = sum(
        (symmetric_about_0(rng.standard_t(3, (12, 20)), at=at).p <= 0.05).any() for _ in range(200)
    )
    assert claims <= 16


def test_impossible_input_is_refused() -> None:
    for test in (symmetric_about_0, mean_is_0):
        with pytest.raises(InputError, match=r"effects \[clusters, columns\], got shape \(3,\)"):
            test([1.0, 2.0, 3.0])
        with pytest.raises(NumericsError, match="not finite"):
            test([[1.0], [float("nan")]])
        with pytest.raises(InputError, match="2 values need 2 clusters, got 3"):
            test([[1.0], [2.0]], ["a", "b", "c"])
