"""Difference of the means of two independent groups, from their own intervals (MOVER).

    d ∓ √((m₁ − l₁)² + (h₂ − m₂)²) and its mirror

Zou & Donner 2008. Each group brings the interval of its own kind (share or unbounded). Paired
differences are means: take the difference within each cluster first.
"""

import numpy as np
from numpy.typing import ArrayLike

from microtome.statistics.grouping import Names, finite, grouped
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.means import check_within
from microtome.statistics.ratios import ANYTHING, FEWEST, hull_of, interval, share_reach
from microtome.statistics.reach import Mapped, Mover, Reach


def difference(
    a: ArrayLike,
    b: ArrayLike,
    at: Level = Level(),  # noqa: B008
    *,
    a_clusters: Names = None,
    b_clusters: Names = None,
    within: tuple[float, float] = ANYTHING,
    null: float = 0.0,
) -> Interval:
    """mean(a) − mean(b) of independent groups [n] and [m], over the clusters of both.

    `within` is the range of a single value. Below 2 clusters on a side (4 if unbounded) there is
    no interval, nor where a side's unbounded values are all equal.
    """
    sides = (finite(a), finite(b))
    for side in sides:
        check_within(side, within)
    means = [
        grouped(names, len(side)).means(side)
        for side, names in zip(sides, (a_clusters, b_clusters), strict=True)
    ]
    value = float(means[0].mean() - means[1].mean())
    n, count = sum(map(len, sides)), sum(map(len, means))
    bounded = bool(np.isfinite(within).all())
    fewest = 2 if bounded else FEWEST
    if min(map(len, means)) < fewest:
        sizes = f"{len(means[0])} against {len(means[1])} clusters"
        return without_interval(value, at.level, n, count, f"{sizes}, {fewest} a side are needed")
    reaches = [_reach(side, at, within, bounded) for side in means]
    if None in reaches:
        why = "all values of a side are equal: nothing is known of their spread"
        return without_interval(value, at.level, n, count, why)
    first, second = (reach for reach in reaches if reach is not None)
    both = Mover(first, second, (float(means[0].mean()), float(means[1].mean())))
    width = within[1] - within[0]
    return interval(Mapped(both, (-width, width)), value, at, n, count, "mover", null)


def _reach(means: Floats, at: Level, within: tuple[float, float], bounded: bool) -> Reach | None:
    """The reach of one side; None where its values are equal and unbounded."""
    hull = hull_of(means, np.ones_like(means), at)
    if bounded:
        variance = None if hull.error == 0 else hull.error**2
        return share_reach(hull.value, variance, len(means), within)
    return None if hull.error == 0 else Mapped(hull, within)
