"""Hartigan's dip: how far a sample's distribution function lies from the nearest unimodal one.

On an interval of possible modes draw the function's greatest convex minorant and its least concave
majorant. Where they lie farthest apart the interval shrinks; left of it no unimodal function gets
nearer than half the distance to the minorant, right of it half that to the majorant.
The p-value compares with samples of a uniform distribution, which has one mode only just.
Hartigan & Hartigan 1985, doi 10.1214/aos/1176346577.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.statistics.level import Floats


def dip(values: ArrayLike) -> float:
    """Dip of `values` [n]: at least 1 / 2n (0 where all are equal), at most 1/4."""
    x, counts = np.unique(np.asarray(values, dtype=float), return_counts=True)
    if len(x) < 2:
        return 0.0
    above: Floats = np.cumsum(counts, dtype=float)
    below: Floats = above - counts
    modes, found = slice(0, len(x)), 1.0
    while modes.stop - modes.start > 1:
        apart, beside, inner = _narrowed(x[modes], below[modes], above[modes])
        if apart <= found * (1 + 1e-12):
            break
        found = max(found, beside)
        modes = slice(modes.start + inner.start, modes.start + inner.stop)
    return found / (2 * float(above[-1]))


def _narrowed(x: Floats, below: Floats, above: Floats) -> tuple[float, float, slice]:
    """Largest distance of the two curves, that to a curve beside the modes, and their interval.

    `below` and `above` are the counts before and after each point.
    """
    (under, corners), (over, summits) = _hull(x, below, 1.0), _hull(x, above, -1.0)
    # A concave less a convex function is largest at a corner; there the interval must shrink, while
    # elsewhere a tie that rounding breaks leaves it as it was, for ever.
    widest = int(np.where(corners | summits, over - under, -1.0).argmax())
    # The modes lie between the corners of both curves about the widest place. A mode may be an
    # atom, so the ends of the interval are not beside it.
    left = int(corners[: widest + 1].nonzero()[0][-1])
    right = widest + int(summits[widest:].nonzero()[0][0])
    beside = max(
        float((above - under)[:left].max(initial=0.0)),
        float((over - below)[right + 1 :].max(initial=0.0)),
    )
    return float((over - under)[widest]), beside, slice(left, right + 1)


def dip_p(values: ArrayLike, *, draws: int = 999, seed: int = 42) -> float:
    """p-value of one mode: (1 + uniform samples with as large a dip) / (draws + 1)."""
    null = _uniform(len(np.asarray(values)), draws, seed)
    return float((null >= dip(values) * (1 - 1e-9)).sum() + 1) / (draws + 1)


@lru_cache(maxsize=256)
def _uniform(n: int, draws: int, seed: int) -> Floats:
    """Dips "draws" of n uniform values."""
    rng = np.random.default_rng([seed, n])
    return np.array([dip(one) for one in rng.random((draws, n))])


def _hull(x: Floats, y: Floats, sign: float) -> tuple[Floats, NDArray[np.bool_]]:
    """The greatest convex minorant (least concave majorant for sign −1) at `x`, and its corners."""
    xs, ys, corners = x.tolist(), (sign * y).tolist(), [0]
    for i in range(1, len(xs)):
        while len(corners) > 1:
            a, b = corners[-2:]
            if (ys[b] - ys[a]) * (xs[i] - xs[b]) < (ys[i] - ys[b]) * (xs[b] - xs[a]):
                break
            corners.pop()
        corners.append(i)
    corner = np.zeros(len(xs), dtype=bool)
    corner[corners] = True
    return np.interp(x, x[corners], y[corners]), corner
