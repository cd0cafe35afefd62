"""Means within a range: Clopper-Pearson at the effective number of clusters."""

import numpy as np
import pytest
from scipy import stats

from microtome.errors import InputError
from microtome.statistics import Level, mean, share
from tests.statistics import reference

UNIT, BOTH, ARI = (0.0, 1.0), (-1.0, 1.0), (-0.5, 1.0)


def data_sets(rng: np.random.Generator, n: int, within: tuple[float, float]) -> list[np.ndarray]:
    a, b = within
    y = [
        rng.random(n), rng.integers(0, 2, n), rng.integers(0, 65, n) / 64, rng.beta(9.5, 0.5, n),
        np.full(n, rng.random()), np.ones(n), np.zeros(n), 1e-6 * rng.exponential(size=n),
        np.r_[1.0, np.full(n - 1, 0.999)],
    ]  # fmt: skip
    return [np.clip(a + (b - a) * one, a, b) for one in y]


@pytest.mark.parametrize("within", [UNIT, BOTH, ARI, (0.0, 2.0), (1.0, 5.0)])
def test_against_plain_loops(within: tuple[float, float]) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 3, 4, 6, 9, 20):
        for x in data_sets(rng, n, within):
            for level in (0.8, 0.95):
                found = mean(x, at=Level(level), within=within)
                wanted = reference.bounded(x.tolist(), within, 1 - level)
                assert found.value == pytest.approx(x.mean(), rel=1e-12, abs=1e-15)
                assert found.ends == (wanted and pytest.approx(wanted, rel=1e-9, abs=1e-12))


def test_clusters_of_unequal_size() -> None:
    rng = np.random.default_rng(1)
    for count in (2, 5, 9):
        clusters = np.repeat(np.arange(count), rng.integers(1, 25, count)).tolist()
        holds = rng.random(len(clusters)) < 0.7
        means = reference.cluster_means(holds, clusters)
        found = share(holds, clusters)
        wanted = reference.bounded(means, UNIT)
        assert found.ends == pytest.approx(wanted, rel=1e-9)
        assert (found.value, found.clusters) == (pytest.approx(np.mean(means)), count)
        assert found.n == len(clusters)


@pytest.mark.parametrize("ones", range(11))
def test_independent_trials_are_clopper_and_pearsons(ones: int) -> None:
    found = share([True] * ones + [False] * (10 - ones))
    exact = stats.binomtest(ones, 10).proportion_ci(0.95, "exact")
    assert found.ends is not None
    # p(1 - p)/v is 9 for 10 yes/no values: the floor n decides.
    assert found.ends == pytest.approx((exact.low, exact.high), rel=1e-9, abs=1e-12)
    assert found.effective == pytest.approx(10)


def test_newcombes_81_of_263() -> None:
    found = share([1] * 81 + [0] * 182)
    assert found.ends == pytest.approx((0.2527, 0.3676), abs=1e-4)


@pytest.mark.parametrize(("value", "ends"), [(1.0, (0.54, 1)), (0.0, (0, 0.46))])
def test_six_problems_that_all_agree(value: float, ends: tuple[float, float]) -> None:
    for found in (
        share([value] * 6),
        share([value] * 30, [i % 6 for i in range(30)]),
        mean([value] * 6, within=UNIT),
        share([value] * 6, weight="item"),
        share([value] * 6, strata=["one"] * 6),
    ):
        assert found.ends == pytest.approx(ends, abs=0.001)
        assert found.ends == share([value] * 6).ends


def test_equal_clusters_between_the_ends() -> None:
    found = share([0.31] * 8)
    u = 1 - 0.025 ** (1 / 8)
    assert found.ends == pytest.approx((0.31 * (1 - u), 0.31 + u * 0.69))
    rounded = share([0.1 + 0.2] * 4 + [0.3] * 4)
    assert rounded.ends == pytest.approx(share([0.3] * 8).ends)


def test_the_effective_number_of_clusters() -> None:
    x = np.array([0.4, 0.5, 0.6, 0.5])
    found = share(x)
    p, v = 0.5, x.var(ddof=1) / 4
    assert found.effective == pytest.approx(
        p * (1 - p) / v * (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 3)) ** 2
    )
    assert share([0, 0, 1, 1]).effective == 4


def test_items_that_weigh_the_same() -> None:
    rng = np.random.default_rng(2)
    sizes = np.array([12, 3, 5, 9])
    clusters = np.repeat(np.arange(4), sizes).tolist()
    x = (rng.random(29) < 0.6).astype(float)
    left = [x[np.array(clusters) != c].mean() for c in range(4)]
    variance = 3 / 4 * sum((one - np.mean(left)) ** 2 for one in left)
    kish = sizes.sum() ** 2 / (sizes**2).sum()
    found = share(x, clusters, weight="item")
    wanted = reference.bounded([x.mean()] * 4, UNIT, variance=variance, floor=kish, df=kish - 1)
    assert found.value == x.mean()
    assert found.ends == pytest.approx(wanted, rel=1e-9)


def test_equal_items_of_unequal_clusters() -> None:
    found = share([1.0] * 7, [0, 0, 1, 2, 3, 4, 5], weight="item")
    kish = 49 / (4 + 5)
    assert found.ends == pytest.approx((0.025 ** (1 / kish), 1))
    assert found.effective == pytest.approx(kish)


def test_rounding_at_the_bounds_is_no_error() -> None:
    found = share([1.0 + 1e-8, 1.0, 0.5])
    assert found.ends is not None
    assert found.ends[1] <= 1
    assert found == share([1.0, 1.0, 0.5])
    top = mean([0.1, 0.1, 0.1], within=(0.0, 0.1))
    assert top.value <= 0.1
    assert top.ends is not None
    assert top.ends[1] <= 0.1


def test_equal_values_at_the_ends_of_any_range() -> None:
    rng = np.random.default_rng(3)
    for low, high in np.sort(rng.normal(size=(200, 2)), axis=1).tolist():
        for value in (low, high, low + 0.3 * (high - low)):
            found = mean([value] * 5, within=(low, high))
            assert found.ends is not None
            assert low <= found.ends[0] <= found.value <= found.ends[1] <= high


def test_one_cluster_has_no_interval() -> None:
    found = share([1, 0, 1], ["a"] * 3)
    assert (found.value, found.ends, found.reason) == (
        pytest.approx(2 / 3),
        None,
        "one cluster only",
    )


def test_values_outside_are_refused() -> None:
    with pytest.raises(InputError, match="1 of the values lie outside 0 to 1"):
        share([0.5, 1.01])
