"""Difference of the means of two independent groups, from their own intervals (MOVER).

    d ∓ √((m₁ − l₁)² + (h₂ − m₂)²) and its mirror

Zou & Donner 2008. Each group brings the interval of its own kind (share or unbounded). Paired
differences are means: take the difference within each cluster first.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError
from microtome.statistics.grouping import Names, finite, grouped, inside
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.ratios import (
    ANYTHING,
    FEWEST,
    canonical,
    error_of,
    hull_of,
    interval,
    share_reach,
)
from microtome.statistics.reach import Hull, Mapped, Mover, Share
from microtome.statistics.strata import by_stratum, reach_of


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
    no interval, nor where a side's unbounded values are all equal. `limited`: the limit on the
    reach acts on a side. With strata (of both groups) each side is the stratified mean of `mean`.
    """
    sides = [inside(finite(one), within) for one in (a, b)]
    if a_strata is not None or b_strata is not None:
        names, strata = (a_clusters, b_clusters), (a_strata, b_strata)
        return _stratified(sides, names, strata, at, within, null)
    groups = [
        grouped(names, len(s)) for names, s in zip((a_clusters, b_clusters), sides, strict=True)
    ]
    means = [_ordered(group.means(side)) for group, side in zip(groups, sides, strict=True)]
    values = (float(means[0].mean()), float(means[1].mean()))
    value, n, count = values[0] - values[1], sum(map(len, sides)), sum(map(len, means))
    bounded = bool(np.isfinite(within).all())
    fewest = 2 if bounded else FEWEST
    if min(map(len, means)) < fewest:
        sizes = f"{len(means[0])} against {len(means[1])} clusters"
        return without_interval(value, at.level, n, count, f"{sizes}, {fewest} a side are needed")
    reaches = [_reach(side, at, within) for side in means]
    first, second = reaches
    if first is None or second is None:
        why = "all values of a side are equal: nothing is known of their spread"
        return without_interval(value, at.level, n, count, why)
    width = within[1] - within[0]
    both = Mapped(Mover(first, second, values), (-width, width))
    found = interval(both, value, at, n, count, "mover", null)
    return replace(found, limited=any(_limited(one, at) for one in reaches))


def _stratified(
    sides: Sequence[Floats],
    clusters: tuple[Names, Names],
    strata: tuple[Names, Names],
    at: Level,
    within: tuple[float, float],
    null: float,
) -> Interval:
    """Two stratified means; each side resamples its clusters within its strata."""
    parts = []
    for side, names, kinds in zip(sides, clusters, strata, strict=True):
        if kinds is None:
            raise InputError("Strata are given for both groups or for neither.")
        parts.append(by_stratum(side, names, kinds))
    first, second = (reach_of(part, at, within) for part in parts)
    value, n = first.value - second.value, sum(map(len, sides))
    count = first.clusters + second.clusters
    if first.reach is None or second.reach is None:
        return without_interval(value, at.level, n, count, first.reason or second.reason)
    width = within[1] - within[0]
    both = Mapped(Mover(first.reach, second.reach, (first.value, second.value)), (-width, width))
    return interval(both, value, at, n, count, "mover, stratified", null)


def _ordered(means: Floats) -> Floats:
    return means[canonical(means, np.ones_like(means))]


def _reach(means: Floats, at: Level, within: tuple[float, float]) -> Share | Mapped | None:
    """The reach of one side; None where its values are equal and unbounded."""
    ones = np.ones_like(means)
    if np.isfinite(within).all():
        error = error_of(means, ones)
        return share_reach(float(means.mean()), error**2 or None, len(means), within)
    hull = hull_of(means, ones, at)
    return None if hull.error == 0 else Mapped(hull, within)


def _limited(reach: Share | Mapped | None, at: Level) -> bool:
    """Whether the limit on the reach acts on a side."""
    return (
        isinstance(reach, Mapped)
        and isinstance(reach.inner, Hull)
        and reach.inner.limited(at.alpha)
    )
