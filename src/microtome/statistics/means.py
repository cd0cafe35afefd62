"""Mean of values in clusters: a share where the data allow a finite range, else unbounded.

Unbounded: the hull of Student's t and the full bootstrap-t, each half-width at most three times
Student's. Within finite bounds: Clopper and Pearson's interval at Korn and Graubard's effective n
(Korn & Graubard 1998), with the spread of the clusters. Coverage of both: docs/calibration.md.
"""

from collections.abc import Hashable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError
from microtome.statistics.grouping import Names, all_equal, finite, grouped, same_values
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.ratios import (
    ANYTHING,
    interval,
    over_clusters,
    share_reach,
)
from microtome.statistics.reach import Hull, Mapped, p_value, studentised


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
    numbers = finite(values)
    check_within(numbers, within)
    if strata is not None:
        return _stratified(numbers, clusters, strata, at, within, null)
    groups = grouped(clusters, len(numbers))
    if weight == "item" and len(set(groups.sizes)) > 1:
        return _by_item(groups.sums(numbers), groups.sizes, at, within, null)
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


def check_within(values: Floats, within: tuple[float, float]) -> None:
    """InputError for values outside the range that is given for them."""
    low, high = within
    if not low < high:
        raise InputError(f"within is a range (low, high), got {within}.")
    slack = 1e-9 * (high - low) if np.isfinite(high - low) else 1e-12
    outside = (values < low - slack) | (values > high + slack)
    if outside.any():
        raise InputError(f"{int(outside.sum())} of the values lie outside {low:g} to {high:g}.")


def _by_item(
    sums: Floats, sizes: Floats, at: Level, within: tuple[float, float], null: float
) -> Interval:
    """Every item weighs the same: jackknife error, Student's t at Kish's number of clusters."""
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
    if equal or count < 4:
        why = same_values(sums / sizes) if equal else f"{count} clusters only, 4 are needed"
        return without_interval(value, at.level, n, count, why)
    hull = Hull(value, error, kish - 1)
    return interval(Mapped(hull, within), value, at, n, count, "jackknife, Student's t", null)


def _stratified(
    values: Floats,
    clusters: Names,
    strata: Sequence[Hashable],
    at: Level,
    within: tuple[float, float],
    null: float,
) -> Interval:
    parts = _by_stratum(values, clusters, strata)
    value, n = float(np.mean([part.mean() for part in parts])), len(values)
    sizes = np.array([len(part) for part in parts])
    count = int(sizes.sum())
    if sizes.min() < 2:
        return without_interval(value, at.level, n, count, "a stratum has one cluster only")
    variances = np.array([part.var(ddof=1) / len(part) for part in parts])
    error = float(np.sqrt(variances.sum())) / len(parts)
    equal = all(all_equal(part) for part in parts)
    if np.isfinite(within).all():
        squared = None if equal else error**2
        reach = share_reach(value, squared, count, within, float((sizes - 1).sum()))
        return interval(reach, value, at, n, count, "clopper-pearson, stratified", null)
    if equal:
        why = "all values of a stratum are equal: nothing is known of their spread"
        return without_interval(value, at.level, n, count, why)
    df = float(variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum())
    hull = Hull(value, error, df)
    if sizes.min() > 2:
        hull = _drawn_within(parts, hull, at)
    low, high = Mapped(hull, within).ends(at.alpha)
    return Interval(
        value, low, high, at.level, n, count, "stratified, student hull", p_value(hull, null),
        limited=hull.limited(at.alpha),
    )  # fmt: skip


def _by_stratum(values: Floats, clusters: Names, strata: Sequence[Hashable]) -> list[Floats]:
    """The cluster means of each stratum; a cluster belongs to one stratum."""
    if len(strata) != len(values):
        raise InputError(f"{len(values)} values need {len(values)} strata, got {len(strata)}.")
    own = range(len(values)) if clusters is None else clusters
    pairs = list(zip(strata, own, strict=True))
    groups = grouped(pairs, len(values))
    means = groups.means(values)
    found: dict[Hashable, list[float]] = {}
    for pair, one in zip(groups.names, means, strict=True):
        found.setdefault(pair[0], []).append(float(one))  # type: ignore[index]
    return [np.array(part) for part in found.values()]


def _drawn_within(parts: list[Floats], hull: Hull, at: Level) -> Hull:
    """The hull with bootstrap draws taken within strata."""
    rng = np.random.default_rng(at.seed)
    apart, variance = np.zeros(at.resamples), np.zeros(at.resamples)
    for part in parts:
        centred = part - part.mean()
        drawn = centred[rng.integers(len(part), size=(at.resamples, len(part)))]
        apart += drawn.mean(1) / len(parts)
        spread = drawn.var(1, ddof=1)
        spread[np.ptp(drawn, axis=1) == 0] = 0.0
        variance += spread / len(part) / len(parts) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((variance == 0) & (np.abs(apart) < 1e-15), 0.0, apart / np.sqrt(variance))
    up, down = studentised(t, np.full(at.resamples, 1 / (at.resamples + 1)))
    return Hull(hull.value, hull.error, hull.df, up, down)
