"""One cloud or more: the test's parts against independent code, its size, its power, its words."""

from itertools import product

import numpy as np
import pytest
from scipy.optimize import brentq

from microtome.errors import InputError, NumericsError
from microtome.statistics import cloud as clouds
from microtome.statistics.cloud import one_cloud
from microtome.statistics.power import power_of_one_cloud
from microtome.statistics.two_means import centred, two_means


def groups(rng, n, d, apart):
    """Half of n points moved by `apart` in a random direction."""
    points, axis = rng.standard_normal((n, d)), rng.standard_normal(d)
    points[: n // 2] += apart * axis / np.linalg.norm(axis)
    return points


def half_circle(rng, n, d):
    angle = rng.uniform(0, np.pi, n)
    points = rng.standard_normal((n, d))
    points[:, :2] += 10 * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points


def heavy(rng, n, d):
    """Multivariate t with 3 degrees of freedom."""
    return rng.standard_normal((n, d)) / np.sqrt(rng.chisquare(3, (n, 1)) / 3)


def rejected(draw, times, **fields):
    """How many of so many data sets are not one cloud."""
    return sum(not one_cloud(draw(), draws=99, seed=i, **fields).one for i in range(times))


def best_split(rows):
    """Squares within / in all of the best of all splits of few points, by brute force."""
    found = np.inf
    for rest in product((False, True), repeat=len(rows) - 1):
        side = np.array([True, *rest])
        if not side.all():
            found = min(found, within(rows, side))
    return found / within(rows, np.ones(len(rows), dtype=bool))


def within(rows, side):
    parts = [part for part in (rows[side], rows[~side]) if len(part)]
    return sum(((part - part.mean(0)) ** 2).sum() for part in parts)


def test_two_means_finds_the_best_of_all_splits():
    rng, excess = np.random.default_rng(0), []
    for apart in [0.0] * 20 + [6.0] * 10:
        points = groups(rng, 9, 3, apart)
        (side,), (index,) = two_means(centred((points @ points.T)[None]))
        whole = within(points, np.ones(9, dtype=bool))
        assert index == pytest.approx(within(points, side) / whole), "it is that of the split"
        excess.append(index - best_split(points))
    assert min(excess) > -1e-12
    assert np.mean(excess[:20]) < 0.02, "a few local optima, which data and draws share"
    assert max(excess[20:]) < 1e-9, "groups are found"


def test_equal_points_have_nothing_to_split():
    assert two_means(np.zeros((2, 6, 6)))[1].tolist() == [1.0, 1.0]
    assert one_cloud(np.ones((12, 3))).one


@pytest.mark.parametrize("noise", [0.02, 0.4, 0.9, 3.0])
def test_the_soft_threshold_keeps_the_sum_and_the_floor(noise):
    values = np.sort(np.random.default_rng(1).exponential(size=12))[::-1]
    found = clouds.soft_threshold(values, noise)
    if 12 * noise >= values.sum():
        assert found == pytest.approx(np.full(12, values.mean()))
        return
    cut = brentq(lambda t: np.maximum(values - t, noise).sum() - values.sum(), -99, 99)
    assert found == pytest.approx(np.maximum(values - cut, noise))


@pytest.mark.parametrize(("n", "d"), [(12, 40), (12, 5)])
def test_the_null_is_that_of_points_drawn_coordinate_by_coordinate(n, d):
    """Gram matrices made by Bartlett's decomposition against n x d normal variables."""
    values = np.r_[6.0, 3.0, np.full(d - 2, 0.5)]
    rng = np.random.default_rng(2)
    ours = clouds.null_grams(values, n, 2000, rng)
    plain = rng.standard_normal((2000, n, d)) * np.sqrt(values)
    plain -= plain.mean(1, keepdims=True)
    theirs = plain @ plain.swapaxes(1, 2)
    for of in (np.trace, lambda g, **_: np.linalg.norm(g, axis=(1, 2))):
        one, other = of(ours, axis1=1, axis2=2), of(theirs, axis1=1, axis2=2)
        assert one.mean() == pytest.approx(other.mean(), rel=0.03)
        assert one.std() == pytest.approx(other.std(), rel=0.1)
    quantiles = [np.quantile(two_means(g)[1], [0.05, 0.5, 0.95]) for g in (ours, theirs)]
    assert quantiles[0] == pytest.approx(quantiles[1], abs=0.02)


def test_the_noise_is_that_of_all_entries():
    rng = np.random.default_rng(3)
    points = rng.standard_normal((40, 200)) * 2.0
    values = clouds.spectrum(points)
    assert values.sum() == pytest.approx(points.var(0, ddof=1).sum(), rel=1e-9)
    assert values[-1] == pytest.approx(4.0, rel=0.05), "the floor, not 0 as of the covariance"


def test_rows_at_unit_length_stand_about_the_median():
    points = np.random.default_rng(4).standard_normal((9, 4)) * 5 + 3
    points[2] = np.median(points, axis=0)
    assert np.median(points, axis=0) == pytest.approx(points[2])
    rows = clouds.unit_rows(points)
    lengths = np.linalg.norm(rows, axis=1)
    assert lengths[2] == 0
    assert np.delete(lengths, 2) == pytest.approx(np.ones(8))


@pytest.mark.medium
@pytest.mark.parametrize("d", [8, 64])
def test_one_cloud_is_not_rejected_above_the_level(d):
    rng = np.random.default_rng(d)
    shapes = {
        "round": lambda: rng.standard_normal((48, d)),
        "long": lambda: rng.standard_normal((48, d)) * np.geomspace(5, 0.2, d),
        "heavy tails": lambda: heavy(rng, 48, d),
    }
    for name, draw in shapes.items():
        assert rejected(draw, 60) <= 7, name  # 97.5 % point of 5 % of 60


@pytest.mark.medium
def test_heavy_tails_fool_the_raw_form_alone():
    rng = np.random.default_rng(5)
    data = [heavy(rng, 48, 64) for _ in range(30)]
    assert sum(clouds.cloud_p(points, 99, 0) <= 0.05 for points in data) >= 6
    assert sum(one_cloud(points, draws=99).p <= 0.05 for points in data) <= 3


@pytest.mark.medium
@pytest.mark.parametrize(("d", "least"), [(8, 0.9), (32, 0.75)])
def test_two_groups_4_sd_apart_are_seen(d, least):
    """The cluster index in principal axes had a power of .25 and 0 here."""
    rng = np.random.default_rng(6)
    assert rejected(lambda: groups(rng, 48, d, 4.0), 30) >= least * 30


@pytest.mark.medium
def test_a_curve_is_not_called_separate_groups():
    rng = np.random.default_rng(7)
    found = [one_cloud(half_circle(rng, 48, 8), draws=99, seed=i) for i in range(30)]
    assert sum(not one.one for one in found) >= 27
    assert sum(one.groups for one in found) <= 4
    apart = [one_cloud(groups(rng, 48, 8, 8.0), draws=99, seed=i) for i in range(15)]
    assert {one.verdict for one in apart} == {"separate groups"}


def test_the_words_follow_from_both_tests():
    def verdict(p, dip):
        return clouds.Cloud(p, dip, 20, 3, 0.05).verdict

    assert verdict(0.2, 0.001) == "one cluster", "a dip alone shows nothing"
    assert verdict(0.05, 0.06) == "not one cloud: groups, or a curve"
    assert verdict(0.05, 0.05) == "separate groups"


@pytest.mark.medium
@pytest.mark.parametrize(("n", "d", "apart"), [(24, 16, 4.0), (30, 64, 5.0)])
def test_the_power_that_is_printed_is_how_often_the_test_rejects(n, d, apart):
    """Along one axis of the noise; a random direction is seen more often."""
    rng, centres = np.random.default_rng(8), np.zeros((n, d))
    centres[: n // 2, 0] = apart
    clouds_seen = [one_cloud(rng.standard_normal((n, d)) + centres, seed=i) for i in range(60)]
    seen = np.mean([not cloud.one for cloud in clouds_seen])
    assert power_of_one_cloud(n, d, apart) == pytest.approx(seen, abs=0.2)
    assert power_of_one_cloud(n, d, 0.0) <= 0.1, "no groups: no more than the level"
    assert power_of_one_cloud(n, d, 12.0) >= 0.9


def test_the_same_points_and_seed_give_the_same_p():
    points = groups(np.random.default_rng(9), 20, 6, 4.0)
    assert one_cloud(points) == one_cloud(points.copy())
    moved = one_cloud(points * 1e6 + 1e9)
    assert moved.p == pytest.approx(one_cloud(points).p, abs=0.02), "place and size do not matter"


def test_bad_points_are_refused():
    with pytest.raises(InputError, match=r"\[n, d\]"):
        one_cloud(np.zeros(4))
    with pytest.raises(InputError, match="3 points cannot be tested"):
        one_cloud(np.zeros((3, 2)))
    with pytest.raises(NumericsError, match="not finite"):
        one_cloud(np.full((10, 2), np.nan))
