"""Ratios of sums, signed shares of a gap and ratios of geometric means."""

import numpy as np
import pytest
from scipy import stats

from microtome.errors import InputError, NumericsError
from microtome.statistics import Level, mean, ratio, ratio_of_geometric_means, signed_share
from tests.statistics import reference


@pytest.mark.parametrize("n", [4, 5, 8, 11])
def test_against_plain_loops(n: int) -> None:
    rng = np.random.default_rng(n)
    at = Level(0.9, 199, 5)
    for _ in range(3):
        bottom = rng.uniform(0.5, 1.5, n)
        top = 3 * bottom + rng.lognormal(size=n)
        found = ratio(top, bottom, at=at)
        wanted = reference.hull(top.tolist(), bottom.tolist(), 0.1, 199, 5)
        assert found.value == pytest.approx(top.sum() / bottom.sum())
        assert found.ends == pytest.approx(wanted, rel=1e-9)


def test_clusters_are_summed() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(5), [1, 4, 2, 7, 3])
    top, bottom = rng.random(17), rng.uniform(0.5, 1, 17)
    tops, bottoms = (np.bincount(clusters, x).tolist() for x in (top, bottom))
    found = ratio(top, bottom, clusters.tolist())
    assert found.ends == pytest.approx(reference.hull(tops, bottoms), rel=1e-9)
    assert (found.n, found.clusters) == (17, 5)


def test_draws_without_a_denominator_are_the_farthest() -> None:
    rng = np.random.default_rng(4)
    at = Level(0.9, 999, 2)
    bottom = np.array([2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, -2.0])
    for _ in range(4):
        top = 3 * bottom + rng.normal(size=8)
        found = ratio(top, bottom, at=at)
        wanted = reference.hull(top.tolist(), bottom.tolist(), 0.1, 999, 2)
        assert found.ends == pytest.approx(wanted, rel=1e-9)


def test_a_mean_is_the_ratio_with_a_bottom_of_1() -> None:
    x = np.random.default_rng(1).normal(size=9)
    assert ratio(x, np.ones(9), null=0.0).ends == mean(x).ends


@pytest.mark.parametrize("n", [3, 4, 6, 8])
def test_refused_exactly_where_students_interval_of_the_bottom_holds_0(n: int) -> None:
    rng = np.random.default_rng(n)
    refused = 0
    for _ in range(40):
        bottom = rng.normal(1, 0.8, n)
        found = ratio(2 * bottom + rng.normal(size=n), bottom)
        holds_0 = stats.ttest_1samp(bottom, 0).pvalue > 0.05
        assert (found.method == "fieller refused") == holds_0
        if holds_0:
            assert (found.ends, found.p) == (None, None)
            assert found.reason.startswith("the denominator may be 0 (its mean lies in ")
        refused += holds_0
    assert 0 < refused < 40


def test_a_bottom_below_0_is_no_reason_to_refuse() -> None:
    bottom = -np.array([1.0, 1.2, 0.9, 1.1])
    top = np.array([2.0, 2.2, 2.1, 1.9])
    assert ratio(top, bottom).value == pytest.approx(-8.2 / 4.2)
    assert ratio(top, bottom).ends == pytest.approx(
        tuple(-end for end in reversed(ratio(top, -bottom).ends)),
        rel=1e-9,  # type: ignore[arg-type]
    )


def test_p_is_no_smaller_than_the_level_that_refuses() -> None:
    rng = np.random.default_rng(2)
    bottom = rng.normal(1, 0.8, 8)
    found = ratio(5 * bottom, bottom + 0.01 * rng.normal(size=8))
    of_bottom = stats.ttest_1samp(bottom, 0).pvalue
    assert 1e-4 < of_bottom < 0.05
    assert found.p == pytest.approx(of_bottom, rel=0.1)
    assert found.p is not None
    assert ratio(5 * bottom, bottom, at=Level(1 - 0.9 * of_bottom)).ends is None


def test_shares_of_a_ratio() -> None:
    top, bottom = [3.0, 5.0, 2.0], [4.0, 6.0, 5.0]
    found = ratio(top, bottom, within=(0, 1))
    r, error = reference.error_of_ratio(top, bottom)
    wanted = reference.bounded([r] * 3, (0, 1), variance=error**2)
    assert found.ends == pytest.approx(wanted, rel=1e-9)
    with pytest.raises(InputError, match="1 of the values lie outside 0 to 1"):
        ratio([5.0, 5.0, 5.1], [1.0, 1.0, 1.0], within=(0, 1))


def test_signed_share_of_gaps_of_both_signs() -> None:
    # Gaps between two fine-tunes and what one layer brings, prompt by prompt.
    gaps = np.array([3.4, 0.28, -12.2, -0.58, -12.8])
    effects = np.array([2.9, 0.4, 1.0, -0.1, -4.3])
    share = sum(np.sign(g) * e for g, e in zip(gaps, effects, strict=True)) / sum(map(abs, gaps))
    found = signed_share(effects, gaps)
    assert found.value == pytest.approx(share)
    assert found.value != pytest.approx(effects.sum() / gaps.sum(), abs=0.1)
    towards = (np.sign(gaps) * effects).tolist()
    few = signed_share(effects, gaps, at=Level(0.8))
    assert few.ends == pytest.approx(reference.hull(towards, np.abs(gaps).tolist(), 0.2), rel=1e-9)
    assert signed_share(gaps, gaps).value == 1
    assert signed_share(-gaps, gaps).value == -1
    assert signed_share(2 * gaps, gaps).value == 2


def test_signed_share_sums_within_clusters() -> None:
    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(5), 3)
    gaps, effects = rng.normal(2, 1, 15), rng.normal(1, 1, 15)
    tops = np.bincount(clusters, np.sign(gaps) * effects).tolist()
    bottoms = np.bincount(clusters, np.abs(gaps)).tolist()
    found = signed_share(effects, gaps, clusters.tolist())
    assert found.clusters == 5
    assert found.ends == pytest.approx(reference.hull(tops, bottoms), rel=1e-9)


def test_signed_share_against_no_effect() -> None:
    gaps = np.array([3.0, -2.0, 4.0, -3.0, 2.5, -3.5])
    noise = np.array([0.1, -0.2, 0.3, 0.25, -0.15, 0.05])
    none = signed_share(np.sign(gaps) * (noise - noise.mean()), gaps)
    some = signed_share(0.5 * gaps + noise, gaps)
    assert none.p is not None
    assert none.p > 0.9
    assert some.p is not None
    assert some.p < 0.01


def test_ratio_of_geometric_means() -> None:
    a, b = np.array([2.0, 8.0, 3.0, 1.0, 5.0]), np.array([1.0, 2.0, 2.5, 0.5, 1.0])
    found = ratio_of_geometric_means(a, b)
    assert found.value == pytest.approx(stats.gmean(a) / stats.gmean(b))
    wanted = reference.hull(np.log(a / b).tolist(), [1.0] * 5)
    assert found.ends == pytest.approx(np.exp(wanted), rel=1e-9)
    assert found.p == pytest.approx(mean(np.log(a / b)).p)
    flipped = ratio_of_geometric_means(b, a)
    assert flipped.ends == pytest.approx((1 / found.ends[1], 1 / found.ends[0]))  # type: ignore[index]
    same = ratio_of_geometric_means([2.0, 4.0, 6.0, 8.0], [1.0, 2.0, 3.0, 4.0])
    assert same.reason == "all 4 values are 2: nothing is known of their spread"


def test_a_large_value_of_logs_is_reported_as_a_ratio() -> None:
    b = np.ones(8)
    a = np.exp([3.0] + [1e-4 * i for i in range(7)])
    found = ratio_of_geometric_means(a, b)
    assert (found.limited, found.decider) == (True, "1")
    assert found.without == pytest.approx(np.exp(3e-4))


def test_impossible_input_is_refused() -> None:
    with pytest.raises(InputError, match="equal lengths, got 2 and 3"):
        ratio([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(NumericsError, match="denominator whose mean is 0"):
        ratio([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(InputError, match="a gap per effect, got 1 and 2"):
        signed_share([1.0, 2.0], [1.0])
    with pytest.raises(NumericsError, match="all of them are 0"):
        signed_share([1.0, 2.0], [0.0, 0.0])
    with pytest.raises(NumericsError, match="positive values, got 0"):
        ratio_of_geometric_means([1.0, 0.0], [1.0, 1.0])
    with pytest.raises(InputError, match="equal lengths, got 2 and 1"):
        ratio_of_geometric_means([1.0, 2.0], [1.0])
