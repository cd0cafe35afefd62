"""Hartigan's dip against its definition: a linear programme over all unimodal functions."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import linprog

from microtome.statistics.dip import dip, dip_p


def nearest_unimodal(values):
    """Least sup distance to functions convex before a mode, concave after it, by brute force."""
    x, counts = np.unique(values, return_counts=True)
    above = np.cumsum(counts) / counts.sum()
    below = above - counts / counts.sum()
    return min(with_mode(x, above, below, k) for k in range(len(x)))


def with_mode(x, above, below, k):
    """The same for a mode (which may be an atom) at point k: heights, the one after k, distance."""
    m, rows, bounds = len(x), [], []

    def demand(terms, bound):
        row = np.zeros(m + 2)
        for place, weight in terms:
            row[place] += weight
        rows.append(row)
        bounds.append(bound)

    near = [(i, above[i], below[i]) for i in range(m) if i != k]
    near += [(k, below[k], below[k]), (m, above[k], above[k])]
    for i, high, low in near:
        demand([(i, 1), (m + 1, -1)], low)
        demand([(i, -1), (m + 1, -1)], -high)
    demand([(k, 1), (m, -1)], 0)
    at = [*x, x[k]]
    for side, sign in ((range(k + 1), 1), ([m, *range(k + 1, m)], -1)):
        side = list(side)
        for a, b in pairwise(side):
            demand([(a, 1), (b, -1)], 0)
        for a, b, c in zip(side, side[1:], side[2:], strict=False):
            one, two = sign / (at[b] - at[a]), sign / (at[c] - at[b])
            demand([(b, one + two), (a, -one), (c, -two)], 0)
    free = [(None, None)] * (m + 1) + [(0, None)]
    found = linprog(np.eye(m + 2)[-1], A_ub=np.array(rows), b_ub=bounds, bounds=free)
    return found.fun if found.status == 0 else np.inf


@pytest.mark.parametrize("kind", ["one mode", "two modes", "ties"])
def test_the_dip_is_the_distance_to_the_nearest_unimodal_function(kind):
    rng = np.random.default_rng(len(kind))
    for _ in range(20):
        n = int(rng.integers(2, 11))
        values = rng.standard_normal(n) + 5 * (kind == "two modes") * (rng.random(n) < 0.5)
        if kind == "ties":
            values = rng.integers(0, 4, n).astype(float)
        if np.ptp(values) > 0:
            assert dip(values) == pytest.approx(nearest_unimodal(values), abs=1e-9)


@pytest.mark.timeout(60)
def test_ties_that_rounding_breaks_end_and_have_the_dip_of_the_definition():
    a, b, c = -3.714074893659385, -0.9483407913734403, 1.9755800457513724
    assert dip([a] * 3 + [b] + [c] * 3) == pytest.approx(3 / 14), "came from a run that never ended"
    rng = np.random.default_rng(7)
    for _ in range(60):
        counts = rng.integers(1, 4, rng.integers(2, 6))
        counts = np.r_[counts, counts[::-1]]
        values = np.repeat(np.sort(rng.standard_normal(len(counts))), counts)
        assert dip(values) == pytest.approx(nearest_unimodal(values), abs=1e-9)
    for _ in range(3_000):
        counts = rng.integers(1, 5, rng.integers(3, 6))
        dip(np.repeat(np.sort(rng.standard_normal(len(counts))), counts))


def test_the_dip_of_samples_that_can_be_done_in_the_head():
    assert dip([3.0, 3.0, 3.0]) == 0
    assert dip([0.0, 1.0]) == 0.25
    assert dip(np.arange(20)) == pytest.approx(1 / 40), "a uniform grid: half a step"
    assert dip([0.0] * 5 + [1.0] * 5) == pytest.approx(0.25), "two atoms: the most there is"
    x = np.random.default_rng(0).standard_normal(30)
    assert dip(-3 * x + 7) == pytest.approx(dip(x))


def test_uniform_samples_are_rejected_as_often_as_the_level_says_and_two_modes_always():
    rng = np.random.default_rng(1)
    flat = [dip_p(rng.random(24)) for _ in range(300)]
    assert 0.02 <= np.mean(np.array(flat) <= 0.05) <= 0.08
    round_ = [dip_p(rng.standard_normal(24)) for _ in range(100)]
    assert np.mean(np.array(round_) <= 0.05) <= 0.03
    apart = np.r_[np.zeros(12), np.full(12, 8.0)]
    assert all(dip_p(rng.standard_normal(24) + apart) <= 0.01 for _ in range(20))
