"""Tests of many columns at once "cluster column": heads, layers, thousands of features.

    mean_is_0          clusters drawn with replacement, all columns together; t centred (default)
    symmetric_about_0  the signs of clusters flipped: exact, but a test of symmetry, so that skewed
                       values of mean 0 are rejected far more often than the level says

Each column's |t| is compared with the largest of its draw (max-T), which bounds the chance of one
false claim anywhere (Westfall & Young 1993). Compared is u = |Σx| / √(n Σx²), which rises with |t|
and has no difference of near equal numbers in it: where the spread is tiny against the mean, t's
rounding would part what is equal. A column that is equal in all clusters has p = 1. A finding
names the test that it used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError, NumericsError
from microtome.statistics.grouping import EQUAL, Names, grouped
from microtome.statistics.level import Floats, Level, draws

FEWEST_TO_DRAW = 6
_BLOCK = 1 << 22
"""Most numbers of a block of draws."""
_CLOSE = 1e-12
"""Mirrored draws give equal u up to rounding; they count as reaching the observed one."""


@dataclass(frozen=True, eq=False)
class Columns:
    """p "column" corrected by max-T, and `single` without correction; nan where there is none.

    `t` is Student's, `floor` the least p that the design can give, `largest` the largest u of every
    draw (sorted) with cumulated `weight`, `rest` the weight of what was not drawn.
    """

    p: Floats
    single: Floats
    t: Floats
    test: str
    floor: float
    clusters: int
    largest: Floats
    weight: Floats
    rest: float = 0.0
    reason: str = ""

    def p_of(self, t: Floats) -> Floats:
        """p by max-T of other statistics "column" of the same clusters (labels exchanged)."""
        u = np.abs(t) / np.sqrt(self.clusters - 1 + np.square(t))
        return _share(self.largest, self.weight, u, self.rest)


def mean_is_0(effects: ArrayLike, clusters: Names = None, at: Level = Level()) -> Columns:  # noqa: B008
    """Test each column of `effects` [n, m] for a mean of 0; none below 6 clusters."""
    means = _means(effects, clusters)
    n = len(means)
    if n < FEWEST_TO_DRAW:
        why = f"{n} clusters; testing for a mean of 0 takes {FEWEST_TO_DRAW}"
        return _none(means, "mean_is_0", why)
    drawn = draws(n, at)
    centred = means - means.mean(0)
    centred[np.abs(centred) <= _CLOSE] = 0.0
    blocks = (
        (_u_of(counts @ centred, counts @ centred**2, n), drawn.weight[part])
        for part in _parts(len(drawn.weight), max(n, means.shape[1]))
        for counts in [drawn.counts(part)]
    )
    # Draws of one cluster n times are infinitely far out: no p lies below their share.
    floor = float(n) ** (1 - n) if drawn.listed else 1 / (at.resamples + 1)
    return _tested(means, blocks, "mean_is_0", floor, 0.0 if drawn.listed else floor)


def symmetric_about_0(effects: ArrayLike, clusters: Names = None, at: Level = Level()) -> Columns:  # noqa: B008
    """Test each column of `effects` [n, m] for symmetry about 0 by flipping clusters' signs.

    All 2^clusters flips are taken when they are no more than `at.resamples`.
    """
    means = _means(effects, clusters)
    n = len(means)
    listed = 2**n <= at.resamples
    floor = smallest_flip_p(n, at)
    total = 2**n if listed else at.resamples + 1
    squares = (means**2).sum(0)
    blocks = (
        (_u_of(flips @ means, squares, n), np.full(len(flips), 1 / total))
        for flips in _flips(n, means.shape[1], at, listed)
    )
    return _tested(means, blocks, "symmetric_about_0", floor, 0.0 if listed else floor)


def smallest_flip_p(clusters: int, at: Level = Level()) -> float:  # noqa: B008
    """The least two-sided p that flipping the signs of so many clusters can give."""
    if 2**clusters > at.resamples:
        return 1 / (at.resamples + 1)
    return min(1.0, 2.0 / 2**clusters)


def _means(effects: ArrayLike, clusters: Names) -> Floats:
    values = np.asarray(effects, dtype=float)
    if values.ndim != 2 or values.size == 0:
        raise InputError(f"A test needs effects [clusters, columns], got shape {values.shape}.")
    if not np.isfinite(values).all():
        raise NumericsError("A test was given effects that are not finite.")
    means = grouped(clusters, len(values)).means(values)
    scale = np.abs(means).max(0)
    return means / np.where(scale > 0, scale, 1.0)


def _equal(means: Floats) -> Floats:
    return np.asarray(np.ptp(means, axis=0) <= EQUAL * np.abs(means).max(0))


def _t_of(means: Floats) -> Floats:
    """Student's t of each column; 0 where all clusters are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = means.mean(0) / (means.std(0, ddof=1) / np.sqrt(len(means)))
    return np.where(_equal(means), 0.0, t)


def _u_of(totals: Floats, squares: Floats, n: int) -> Floats:
    """|Σx| / √(n Σx²) of n values, from 0 to 1 (all equal); 0 where they are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        u = np.abs(totals) / np.sqrt(n * squares)
    return np.nan_to_num(u, nan=0.0, posinf=0.0)


def _parts(count: int, columns: int) -> Iterator[slice]:
    step = max(1, _BLOCK // columns)
    for start in range(0, count, step):
        yield slice(start, start + step)


def _flips(n: int, columns: int, at: Level, listed: bool) -> Iterator[Floats]:
    step = max(1, _BLOCK // columns)
    if listed:
        every = product((1.0, -1.0), repeat=n)
        while block := list(islice(every, step)):
            yield np.array(block)
        return
    rng = np.random.default_rng(at.seed)
    for start in range(0, at.resamples, step):
        yield rng.choice((1.0, -1.0), size=(min(step, at.resamples - start), n))


def _tested(
    means: Floats,
    blocks: Iterator[tuple[Floats, Floats]],
    test: str,
    floor: float,
    rest: float,
) -> Columns:
    """p-values from u "draw column" in blocks; `rest` is the weight of what was not drawn."""
    equal, n = _equal(means), len(means)
    u = np.where(equal, 2.0, _u_of(means.sum(0), (means**2).sum(0), n))
    single, largest, weights = np.full(len(u), rest), [], []
    for drawn, weight in blocks:
        drawn[:, equal] = 0.0
        single += weight @ (drawn >= u - _CLOSE)
        largest.append(drawn.max(1))
        weights.append(weight)
    order = np.argsort(np.concatenate(largest))
    top, cumulated = np.concatenate(largest)[order], np.cumsum(np.concatenate(weights)[order])
    p = _share(top, cumulated, u, rest)
    return Columns(
        np.where(equal, 1.0, p), np.where(equal, 1.0, np.minimum(single, 1.0)), _t_of(means), test,
        floor, n, top, cumulated, rest,
    )  # fmt: skip


def _share(largest: Floats, cumulated: Floats, u: Floats, rest: float) -> Floats:
    """Weight of the draws whose largest u reaches each u."""
    below = np.searchsorted(largest, u - _CLOSE, side="left")
    before = np.concatenate([[0.0], cumulated])[below]
    return np.asarray(np.clip(cumulated[-1] - before + rest, 0.0, 1.0))


def _none(means: Floats, test: str, why: str) -> Columns:
    nothing = np.full(means.shape[1], np.nan)
    p = np.where(_equal(means), 1.0, np.nan)
    return Columns(
        p, p, _t_of(means) if len(means) > 1 else nothing, test, 1.0, len(means),
        np.zeros(0), np.zeros(0), reason=why,
    )  # fmt: skip
