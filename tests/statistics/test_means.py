"""Means without a range: the hull of Student's t and the bootstrap-t, against plain loops."""

import numpy as np
import pytest
from scipy import stats

from microtome.errors import InputError, NumericsError
from microtome.statistics import Level, mean
from tests.statistics import reference

LAWS = {
    "normal": lambda rng, n: rng.normal(2, 1, n),
    "exponential": lambda rng, n: rng.exponential(size=n),
    "ties": lambda rng, n: rng.integers(0, 3, n).astype(float),
    "heavy": lambda rng, n: rng.standard_t(1, n),
}


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("n", [4, 5])
def test_every_draw_of_few_clusters_is_counted(law: str, n: int) -> None:
    rng = np.random.default_rng(n)
    for scale in (1.0, 1e6, 1e-7):
        x = scale * LAWS[law](rng, n)
        for level in (0.9, 0.95):
            found = mean(x, at=Level(level))
            wanted = reference.hull(x.tolist(), [1.0] * n, 1 - level)
            assert found.value == pytest.approx(x.mean(), rel=1e-12)
            assert found.ends == (wanted and pytest.approx(wanted, rel=1e-9, abs=1e-9 * scale))


def test_six_clusters_against_all_46656_draws() -> None:
    x = np.array([0.3, 1.7, 0.2, 5.1, 0.9, 0.9])
    index = np.indices((6,) * 6).reshape(6, -1).T
    drawn = x[index]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (drawn.mean(1) - x.mean()) / (drawn.std(1, ddof=1) / np.sqrt(6))
    t[np.ptp(drawn, axis=1) == 0] = (
        np.sign(drawn.mean(1) - x.mean())[np.ptp(drawn, axis=1) == 0] * np.inf
    )
    q, error = stats.t.ppf(0.975, 5), x.std(ddof=1) / np.sqrt(6)
    reach = [
        min(max(np.quantile(side, 0.975, method="inverted_cdf"), q), 3 * q) for side in (t, -t)
    ]
    found = mean(x)
    assert found.ends == pytest.approx(
        (x.mean() - reach[0] * error, x.mean() + reach[1] * error), rel=1e-9
    )


@pytest.mark.parametrize("scale", [1.0, 0.1, 0.7, 1 / 3, 1.1e-5])
def test_a_draw_of_the_mean_itself_is_at_distance_0(scale: float) -> None:
    x = scale * np.array([1.0, 2.0, 2.0, 2.0, 3.0])
    wanted = np.array(reference.hull([1.0, 2.0, 2.0, 2.0, 3.0], [1.0] * 5)) * scale
    assert mean(x).ends == pytest.approx(tuple(wanted), rel=1e-9)
    assert mean(x + 1).ends == pytest.approx(tuple(wanted + 1), rel=1e-9)


@pytest.mark.parametrize("n", [8, 13, 20])
def test_drawn_clusters(n: int) -> None:
    rng = np.random.default_rng(n)
    at = Level(0.95, resamples=199, seed=n)
    for law in LAWS:
        x = LAWS[law](rng, n)
        wanted = reference.hull(x.tolist(), [1.0] * n, 0.05, 199, n)
        assert mean(x, at=at).ends == pytest.approx(wanted, rel=1e-9, abs=1e-9)


def test_clusters_are_averaged_first_and_weigh_the_same() -> None:
    rng = np.random.default_rng(0)
    clusters = rng.integers(0, 5, 40).tolist() + list(range(5))
    x = rng.normal(size=45)
    means = reference.cluster_means(x, clusters)
    found, plain = mean(x, clusters), mean(means)
    assert found.value == pytest.approx(np.mean(means), rel=1e-12)
    assert found.ends == pytest.approx(plain.ends, rel=1e-9)
    assert (found.n, found.clusters, plain.n) == (45, 5, 5)


@pytest.mark.parametrize("large", [1.0, 0.00099 * 8])
def test_one_large_value_among_tiny_ones_reaches_no_further_than_itself(large: float) -> None:
    x = large * np.array([1.0] + [1e-5 * (1 + 0.1 * i) for i in range(7)])
    found = mean(x)
    assert found.ends is not None
    assert found.ends[0] <= 0 < found.value < found.ends[1] <= 1.1 * large


def test_the_deciding_cluster_is_named() -> None:
    x = [1e-5, 2e-5, 1.0, 3e-5, 2e-5, 1e-5, 1e-5, 2e-5]
    names = ["a", "b", "storm", "c", "d", "e", "f", "g"]
    found = mean(x, names)
    assert (found.limited, found.decider) == (True, "storm")
    assert found.without == pytest.approx(12e-5 / 7)
    assert not mean(np.arange(8.0)).limited


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        ([3.0], "one cluster only"),
        ([1.0, 2.0, 4.0], "3 clusters only, 4 are needed"),
        ([0.31] * 8, "all 8 values are 0.31: nothing is known of their spread"),
        ([0.1 + 0.2, 0.3, 0.3, 0.3], "all 4 values are 0.3: nothing is known of their spread"),
        ([0.0] * 5, "all 5 values are 0: nothing is known of their spread"),
    ],
)
def test_no_interval_says_why(x: list[float], reason: str) -> None:
    found = mean(x)
    assert (found.ends, found.p, found.reason) == (None, None, reason)
    assert found.value == pytest.approx(np.mean(x))
    assert not found.excludes(0)


def test_p_of_a_limited_interval() -> None:
    spike = [1.0] + [1e-5 * (1 + 0.1 * i) for i in range(7)]
    found = mean(spike, null=1.2)
    error = np.std(spike, ddof=1) / np.sqrt(8)
    # Only the limit leaves 1.2 out: the bootstrap goes on for ever.
    wanted = 2 * stats.t.sf((1.2 - found.value) / error / 3, 7)
    assert 0.01 < wanted < 0.05
    assert found.p == pytest.approx(wanted)
    assert found.excludes(1.2)


def test_one_and_seven_zeros() -> None:
    x = [1.0] + [0.0] * 7
    found = mean(x)
    error, q = np.std(x, ddof=1) / np.sqrt(8), stats.t.ppf(0.975, 7)
    assert found.ends == pytest.approx((0.125 - q * error, 0.125 + 3 * q * error))


def test_items_that_weigh_the_same() -> None:
    rng = np.random.default_rng(1)
    for sizes in ([60, 5, 5, 5], [1, 20, 3, 7, 9], [3, 4, 5, 4, 9, 5, 7, 6]):
        clusters = np.repeat(np.arange(len(sizes)), sizes).tolist()
        x = rng.normal(size=sum(sizes)) + np.repeat(rng.normal(size=len(sizes)), sizes)
        found = mean(x, clusters, weight="item")
        m, count = np.array(sizes), len(sizes)
        left = [x[np.array(clusters) != c].mean() for c in range(count)]
        error = np.sqrt((count - 1) / count * sum((one - np.mean(left)) ** 2 for one in left))
        q = stats.t.ppf(0.975, m.sum() ** 2 / (m**2).sum() - 1)
        tops = np.bincount(clusters, x).tolist()
        u, v = reference.bootstrap_t(tops, m.tolist(), 0.05)
        reach = [min(max(one, q), 3 * q) * error for one in (u, v)]
        assert found.value == pytest.approx(x.mean())
        assert found.ends == pytest.approx((x.mean() - reach[0], x.mean() + reach[1]), rel=1e-9)
    same = mean(x[:12], [0, 1, 2, 3] * 3, weight="item")
    assert same == mean(x[:12], [0, 1, 2, 3] * 3)


def test_few_or_equal_clusters_of_items_have_no_interval() -> None:
    few = mean([1.0, 2.0, 3.0, 5.0], ["a", "a", "b", "c"], weight="item")
    assert (few.value, few.ends, few.reason) == (2.75, None, "3 clusters only, 4 are needed")
    equal = mean([2.0] * 6, ["a", "a", "b", "c", "d", "e"], weight="item")
    assert equal.reason == "all 5 values are 2: nothing is known of their spread"
    lone = mean([1.0, 2.0], ["a", "a"], weight="item")
    assert lone.reason == "one cluster only"


def test_items_of_one_giant_cluster_have_no_interval() -> None:
    clusters = [0] * 2000 + [1, 2, 3]
    x = np.random.default_rng(0).normal(size=2003)
    found = mean(x, clusters, weight="item")
    assert found.ends is None
    assert "one cluster outweighs the others" in found.reason
    inside = mean(np.clip(x, -1, 1), clusters, weight="item", within=(-1, 1))
    assert inside.ends is not None
    assert inside.ends[1] - inside.ends[0] > 1.5


def test_half_a_range_cuts_the_interval() -> None:
    x = [0.0, 0.1, 0.1, 5.0]
    assert mean(x).ends[0] < 0  # type: ignore[index]
    assert mean(x, within=(0, np.inf)).ends == (0, mean(x).ends[1])  # type: ignore[index]


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_scales_that_squares_do_not_hold(scale: float) -> None:
    x = np.array([1.0, 3.0, 2.0, 5.0, -1.0])
    wanted = np.array(mean(x).ends) * scale
    assert mean(x * scale).ends == pytest.approx(tuple(wanted), rel=1e-9)


def test_impossible_input_is_refused() -> None:
    with pytest.raises(NumericsError, match="1 of the values are not finite"):
        mean([1.0, float("nan"), 2.0])
    with pytest.raises(InputError, match=r"needs a list of values, got shape \(0,\)"):
        mean([])
    with pytest.raises(InputError, match=r"needs a list of values, got shape \(1, 2\)"):
        mean([[1.0, 2.0]])
    with pytest.raises(InputError, match="2 values need 2 clusters, got 1"):
        mean([1.0, 2.0], ["a"])
    with pytest.raises(InputError, match="1 of the values have no cluster"):
        mean([1.0, 2.0], ["a", float("nan")])
    with pytest.raises(InputError, match="2 of the values lie outside 0 to 1"):
        mean([0.5, 1.2, -0.1], within=(0, 1))
    with pytest.raises(InputError, match="range"):
        mean([0.5, 0.6], within=(1, 0))
    with pytest.raises(InputError, match="'cluster' or 'item'"):
        mean([0.5, 0.6], weight="row")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="does not go with"):
        mean([0.5, 0.6], strata=["a", "a"], weight="item")
    with pytest.raises(NumericsError, match="too large"):
        mean([1.7e308, 1.7e308, 1.6e308, 1.0])
