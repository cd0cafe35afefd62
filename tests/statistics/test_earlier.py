"""The functions that are going away: they hold until every caller has moved."""

import numpy as np
import pytest

from microtome import statistics
from microtome.errors import InputError, NumericsError


def clustered(rng: np.random.Generator, clusters: int, size: int) -> tuple[np.ndarray, list[int]]:
    """Values with mean 1 whose clusters differ more than their members."""
    centres = rng.normal(1.0, 1.0, clusters)
    values = (centres[:, None] + rng.normal(0, 0.3, (clusters, size))).ravel()
    return values, np.repeat(np.arange(clusters), size).tolist()


@pytest.mark.parametrize("clusters", [3, 5, 8, 25])
def test_clustered_interval_covers_and_naive_one_does_not(clusters: int) -> None:
    rng = np.random.default_rng(0)
    covered = naive = 0
    for seed in range(300):
        values, codes = clustered(rng, clusters, 6)
        found = statistics.bootstrap_mean(values, codes, resamples=600, seed=seed)
        plain = statistics.bootstrap_mean(values, resamples=200, seed=seed)
        covered += found.low <= 1.0 <= found.high
        naive += plain.low <= 1.0 <= plain.high
    assert 0.92 <= covered / 300 <= 0.98
    assert naive / 300 < 0.75


def test_an_interval_is_cut_to_what_is_possible() -> None:
    wide = statistics.bootstrap_mean([0.0, 0.1, 0.9])
    cut = statistics.bootstrap_mean([0.0, 0.1, 0.9], within=(0, 1))
    assert wide.low < 0 < 1 < wide.high
    assert (cut.low, cut.high, cut.value) == (0, 1, wide.value)


def test_ratio_interval_covers_the_true_ratio() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for seed in range(300):
        bottom = rng.uniform(1, 3, 40)
        top = 0.5 * bottom + rng.normal(0, 0.4, 40)
        found = statistics.bootstrap_ratio(top, bottom, resamples=600, seed=seed)
        assert found.value == pytest.approx(top.mean() / bottom.mean())
        covered += found.low <= 0.5 <= found.high
    assert 0.92 <= covered / 300 <= 0.98


def test_same_seed_same_interval() -> None:
    values = np.random.default_rng(2).normal(size=30)
    first = statistics.bootstrap_mean(values, seed=7)
    assert first == statistics.bootstrap_mean(values, seed=7)
    assert first != statistics.bootstrap_mean(values, seed=8)


def test_one_cluster_gives_no_interval_and_equal_values_a_point() -> None:
    assert statistics.bootstrap_mean([1.0, 2.0], ["a", "a"]).low is None
    point = statistics.bootstrap_mean([0.1] * 6)
    assert (point.low, point.high) == (point.value, point.value)


def test_sign_flip_finds_the_planted_effect_only() -> None:
    rng = np.random.default_rng(3)
    effects = rng.normal(size=(40, 30))
    effects[:, 4] += 1.5
    p = statistics.sign_flip(effects, resamples=2000)
    assert p[4] < 0.01
    assert np.delete(p, 4).min() > 0.05


def test_sign_flip_keeps_the_familywise_error() -> None:
    rng = np.random.default_rng(4)
    claims = sum(
        statistics.sign_flip(rng.normal(size=(12, 20)), resamples=400, seed=i).min() < 0.05
        for i in range(300)
    )
    assert claims / 300 < 0.085


def test_few_clusters_cannot_claim() -> None:
    effects = np.ones((20, 1)) + np.random.default_rng(5).normal(0, 0.01, (20, 1))
    assert statistics.sign_flip(effects, np.repeat(range(5), 4).tolist())[0] == 2 / 2**5
    assert statistics.sign_flip(effects)[0] < 0.001
    assert statistics.sign_flip(np.zeros((6, 2))).tolist() == [1.0, 1.0]
    equal = np.column_stack([np.full(8, 0.1), np.random.default_rng(0).normal(size=8), [0.2] * 8])
    assert statistics.sign_flip(equal)[[0, 2]].tolist() == [2 / 2**8] * 2


def test_proportions_against_published_values() -> None:
    # Newcombe 1998, "Two-sided confidence intervals for the single proportion": 81 of 263.
    wilson = statistics.proportion(81, 263)
    exact = statistics.proportion(81, 263, exact=True)
    assert (wilson.low, wilson.high) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert (exact.low, exact.high) == pytest.approx((0.2527, 0.3676), abs=1e-4)
    assert statistics.proportion(0, 10).low == pytest.approx(0.0, abs=1e-12)


def test_bad_input_is_refused() -> None:
    with pytest.raises(NumericsError, match="1 of the values"):
        statistics.bootstrap_mean([1.0, float("nan")])
    with pytest.raises(InputError, match="2 clusters"):
        statistics.bootstrap_mean([1.0, 2.0], ["a"])
    with pytest.raises(NumericsError, match="denominator"):
        statistics.bootstrap_ratio([1.0, 2.0], [1.0, -1.0])
    with pytest.raises(InputError, match="got 3/2"):
        statistics.proportion(3, 2)
