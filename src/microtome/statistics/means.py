"""Mean of values in clusters: a share where the data allow a finite range, else unbounded.

Unbounded: the hull of Student's t and the full bootstrap-t, each half-width at most three times
Student's. Within finite bounds: Clopper and Pearson's interval at Korn and Graubard's effective n
(Korn & Graubard 1998), with the spread of the clusters. Coverage of both: docs/calibration.md.
"""

from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError
from microtome.statistics.grouping import (
    Groups,
    Names,
    all_equal,
    finite,
    grouped,
    inside,
    same_values,
)
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.ratios import (
    ANYTHING,
    FEWEST,
    canonical,
    decider,
    hull_of,
    interval,
    over_clusters,
    share_reach,
)
from microtome.statistics.reach import Mapped, p_value
from microtome.statistics.strata import by_stratum, stratified


def mean(
    values: ArrayLike,
    clusters: Names = None,
    at: Level = Level(),  # noqa: B008
    *,
    within: tuple[float, float] = ANYTHING,
    strata: Names = None,
    weight: Literal["cluster", "item"] = "cluster",
    null: float = 0.0,
) -> Interval:
    """Mean of `values` [n] with an interval over `clusters` [n] (each value its own if None).

    Clusters are averaged first and weigh the same; `weight="item"` lets every value weigh the
    same. `within` is the range that the data allow; no interval leaves it. `strata` [n]: clusters
    are resampled within their stratum and strata weigh the same ("these very scenarios, other
    wordings"). `p` is against `null`.
    """
    numbers = inside(finite(values), within)
    if weight not in ("cluster", "item"):
        raise InputError(f"weight is 'cluster' or 'item', got {weight!r}.")
    if strata is not None:
        if weight == "item":
            raise InputError("Strata weigh the same; weight='item' does not go with them.")
        parts = by_stratum(numbers, clusters, strata)
        if len(parts) > 1:
            return stratified(parts, len(numbers), at, within, null)
    groups = grouped(clusters, len(numbers))
    if weight == "item" and len(set(groups.sizes)) > 1:
        return _by_item(groups.sums(numbers), groups, at, within, null)
    means = groups.means(numbers)
    ones = np.ones_like(means)
    return over_clusters(means, ones, at, len(numbers), groups.names, within, null, "mean")


def share(
    holds: ArrayLike,
    clusters: Names = None,
    at: Level = Level(),  # noqa: B008
    *,
    strata: Names = None,
    weight: Literal["cluster", "item"] = "cluster",
    null: float = 0.0,
) -> Interval:
    """Share of `holds` [n] (or mean of values within 0 and 1) with an interval over clusters."""
    return mean(
        np.asarray(holds, dtype=float), clusters, at,
        within=(0.0, 1.0), strata=strata, weight=weight, null=null,
    )  # fmt: skip


def _by_item(
    sums: Floats, groups: Groups, at: Level, within: tuple[float, float], null: float
) -> Interval:
    """Every item weighs the same: jackknife error and Kish's number of clusters in the hull."""
    order = canonical(sums, groups.sizes)
    sums, sizes, names = sums[order], groups.sizes[order], [groups.names[i] for i in order]
    value, n, count = float(sums.sum() / sizes.sum()), int(sizes.sum()), len(sums)
    if count < 2:
        return without_interval(value, at.level, n, count, "one cluster only")
    left = (sums.sum() - sums) / (sizes.sum() - sizes)
    error = float(np.sqrt((count - 1) / count * ((left - left.mean()) ** 2).sum()))
    kish = float(sizes.sum() ** 2 / (sizes**2).sum())
    equal = all_equal(sums / sizes)
    if np.isfinite(within).all():
        reach = share_reach(value, None if equal else error**2, kish, within)
        return interval(reach, value, at, n, count, "clopper-pearson, jackknife", null)
    if equal or count < FEWEST:
        why = same_values(value, count) if equal else f"{count} clusters only, {FEWEST} are needed"
        return without_interval(value, at.level, n, count, why)
    hull = replace(hull_of(sums, sizes, at), value=value, error=error, df=kish - 1)
    if not hull.ends(at.alpha)[1] - value < 1e6 * error:
        why = f"one cluster outweighs the others (their sizes count as {kish:.2f} clusters)"
        return without_interval(value, at.level, n, count, why)
    method, p = "jackknife, student hull", p_value(hull, null)
    found = interval(Mapped(hull, within), value, at, n, count, method, null, p)
    if not hull.limited(at.alpha):
        return found
    name, rest = decider(sums, sizes, names)
    return replace(found, limited=True, decider=name, without=rest)
