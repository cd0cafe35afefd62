"""Tests of many columns at once "cluster column": heads, layers, thousands of features.

    mean_is_0          clusters drawn with replacement, all columns together; t centred (default)
    symmetric_about_0  the signs of clusters flipped: exact, but a test of symmetry, so that skewed
                       values of mean 0 are rejected far more often than the level says

Each column's |t| is compared with the largest of its draw (max-T), which bounds the chance of one
false claim anywhere (Westfall & Young 1993). Draws go through in blocks. A column that is equal in
all clusters has p = 1. A finding names the test that it used.
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
_CLOSE = 1 - 1e-9
"""Mirrored draws give equal statistics up to rounding; they count as reaching the observed one."""


@dataclass(frozen=True, eq=False)
class Columns:
    """p "column" corrected by max-T, and `single` without correction; nan where there is none.

    `t` is Student's, `floor` the least p that the design can give, `largest` the largest |t| of
    every draw (sorted) with cumulated `weight`.
    """

    p: Floats
    single: Floats
    t: Floats
    test: str
    floor: float
    clusters: int
    largest: Floats
    weight: Floats
    reason: str = ""

    def p_of(self, t: Floats) -> Floats:
        """p by max-T of other statistics "column" of the same clusters (labels exchanged)."""
        return _share(self.largest, self.weight, t, self.floor)


def mean_is_0(effects: ArrayLike, clusters: Names = None, at: Level = Level()) -> Columns:  # noqa: B008
    """Test each column of `effects` [n, m] for a mean of 0; none below 6 clusters."""
    means = _means(effects, clusters)
    n = len(means)
    if n < FEWEST_TO_DRAW:
        why = f"{n} clusters; testing for a mean of 0 takes {FEWEST_TO_DRAW}"
        return _none(means, "mean_is_0", why)
    drawn = draws(n, at)
    centred = means - means.mean(0)
    counts = drawn.counts()
    blocks = (
        (_t_of_draws(counts[part], centred), drawn.weight[part])
        for part in _parts(len(counts), means.shape[1])
    )
    floor = 0.0 if drawn.listed else 1 / (at.resamples + 1)
    return _tested(_t_of(means), blocks, "mean_is_0", floor, n, _equal(means))


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
        (_t_of_flips(flips, means, squares), np.full(len(flips), 1 / total))
        for flips in _flips(n, means.shape[1], at, listed)
    )
    rest = 0.0 if listed else floor
    return _tested(_t_of(means), blocks, "symmetric_about_0", rest, n, _equal(means), floor)


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
    return grouped(clusters, len(values)).means(values)


def _equal(means: Floats) -> Floats:
    return np.asarray(np.ptp(means, axis=0) <= EQUAL * np.abs(means).max(0))


def _t_of(means: Floats) -> Floats:
    """Student's t of each column; 0 where all clusters are equal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = means.mean(0) / (means.std(0, ddof=1) / np.sqrt(len(means)))
    return np.where(_equal(means), 0.0, t)


def _t_of_draws(counts: Floats, centred: Floats) -> Floats:
    """|t| "draw column" of bootstrap draws; a draw of equal clusters is infinitely far out."""
    n = len(centred)
    mean = counts @ centred / n
    square = counts @ centred**2 / n
    spread = square - mean**2
    scale = np.abs(centred).max(0)
    mean = np.where(np.abs(mean) <= 1e-12 * scale, 0.0, mean)
    spread = np.where(spread <= 1e-12 * square, 0.0, spread)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(mean) / np.sqrt(spread / (n - 1))
    return np.nan_to_num(t, nan=0.0, posinf=np.inf)


def _t_of_flips(flips: Floats, means: Floats, squares: Floats) -> Floats:
    """|t| "flip column" of the means with the signs of their clusters flipped."""
    n = len(means)
    total = np.abs(flips @ means)
    # sum((x − mean)²) = sum(x²) − total² / n, whatever the signs. Below 1e-12 of the squares that
    # is rounding, which differs between blocks and would part what is equal.
    spread = np.sqrt(np.maximum(squares - total**2 / n, 1e-12 * squares))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = total / spread * np.sqrt((n - 1) / n)
    return np.nan_to_num(t, nan=0.0)


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
    t: Floats,
    blocks: Iterator[tuple[Floats, Floats]],
    test: str,
    rest: float,
    clusters: int,
    equal: Floats,
    floor: float | None = None,
) -> Columns:
    """p-values from |t| "draw column" in blocks; `rest` is the weight of what was not drawn."""
    observed = np.where(equal, np.inf, np.abs(t)) * _CLOSE
    single, largest, weights = np.full(len(t), rest), [], []
    for drawn, weight in blocks:
        drawn[:, equal] = 0.0
        single += weight @ (drawn >= observed)
        largest.append(drawn.max(1))
        weights.append(weight)
    order = np.argsort(np.concatenate(largest))
    top, cumulated = np.concatenate(largest)[order], np.cumsum(np.concatenate(weights)[order])
    p = _share(top, cumulated, t, rest)
    return Columns(
        np.where(equal, 1.0, p), np.where(equal, 1.0, np.minimum(single, 1.0)), t, test,
        rest if floor is None else floor, clusters, top, cumulated,
    )  # fmt: skip


def _share(largest: Floats, cumulated: Floats, t: Floats, rest: float) -> Floats:
    """Weight of the draws whose largest |t| reaches each |t|."""
    below = np.searchsorted(largest, np.abs(t) * _CLOSE, side="left")
    before = np.concatenate([[0.0], cumulated])[below]
    reached = np.clip(cumulated[-1] - before + rest, 0.0, 1.0)
    return np.where(t == 0, 1.0, reached)


def _none(means: Floats, test: str, why: str) -> Columns:
    nothing = np.full(means.shape[1], np.nan)
    p = np.where(_equal(means), 1.0, np.nan)
    return Columns(
        p, p, _t_of(means) if len(means) > 1 else nothing, test, 1.0, len(means),
        np.zeros(0), np.zeros(0), why,
    )  # fmt: skip
