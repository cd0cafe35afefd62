"""Difference of the means of two independent groups, from their own intervals (MOVER).

    d ∓ √((m₁ − l₁)² + (h₂ − m₂)²) and its mirror

Zou & Donner 2008. Each group brings the interval of its own kind (share or unbounded). Paired
differences are means: take the difference within each cluster first.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from microtome.statistics.grouping import Names, finite, grouped
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.means import check_within, mean
from microtome.statistics.ratios import ANYTHING, FEWEST, hull_of, interval, share_reach
from microtome.statistics.reach import Mapped, Mover, Reach


def difference(
    a: ArrayLike,
    b: ArrayLike,
    at: Level = Level(),  # noqa: B008
    *,
    a_clusters: Names = None,
    b_clusters: Names = None,
    a_strata: Names = None,
    b_strata: Names = None,
    within: tuple[float, float] = ANYTHING,
    null: float = 0.0,
) -> Interval:
    """mean(a) − mean(b) of independent groups [n] and [m], over the clusters of both.

    `within` is the range of a single value. Below 2 clusters on a side (4 if unbounded) there is
    no interval, nor where a side's unbounded values are all equal. With strata (of both groups)
    the sides are the stratified means of `mean`.
    """
    if a_strata is not None and b_strata is not None:
        groups = (a, a_clusters, a_strata), (b, b_clusters, b_strata)
        first, second = (
            Stratified(finite(values), names, strata, at, within)
            for values, names, strata in groups
        )
        return _stratified(first, second, at, null)
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
    known = [reach for reach in reaches if reach is not None]
    both = Mover(known[0], known[1], (float(means[0].mean()), float(means[1].mean())))
    width = within[1] - within[0]
    return interval(Mapped(both, (-width, width)), value, at, n, count, "mover", null)


def _reach(means: Floats, at: Level, within: tuple[float, float], bounded: bool) -> Reach | None:
    """The reach of one side; None where its values are equal and unbounded."""
    hull = hull_of(means, np.ones_like(means), at)
    if bounded:
        variance = None if hull.error == 0 else hull.error**2
        return share_reach(hull.value, variance, len(means), within)
    return None if hull.error == 0 else Mapped(hull, within)


@dataclass(frozen=True, eq=False)
class Stratified:
    """One side whose clusters are resampled within strata, at every level."""

    values: Floats
    clusters: Names
    strata: Names
    at: Level
    within: tuple[float, float]

    def mean(self, at: Level) -> Interval:
        """The side alone."""
        return mean(self.values, self.clusters, at, within=self.within, strata=self.strata)

    def ends(self, alpha: float) -> tuple[float, float]:
        """Low and high at level 1 − alpha."""
        return self.mean(replace(self.at, level=1 - alpha)).ends or (-np.inf, np.inf)


def _stratified(first: Stratified, second: Stratified, at: Level, null: float) -> Interval:
    one, other = first.mean(at), second.mean(at)
    value, n = one.value - other.value, one.n + other.n
    count, width = one.clusters + other.clusters, first.within[1] - first.within[0]
    if one.ends is None or other.ends is None:
        why = one.reason or other.reason
        return without_interval(value, at.level, n, count, why)
    both = Mapped(Mover(first, second, (one.value, other.value)), (-width, width))
    return interval(both, value, at, n, count, "mover, stratified", null)
