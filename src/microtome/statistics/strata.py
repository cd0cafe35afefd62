"""Mean over strata that all weigh the same ("these very scenarios, other wordings").

    error = √(Σ s_h² / n_h) / S,   draws within strata,   Student's degrees by Satterthwaite

Hull and limit are those of a plain mean; strata of two have too few different draws and take
Student's t alone. Within finite bounds: Clopper-Pearson at n* with that error, the floor Σ n_h and
Σ (n_h − 1) degrees.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from microtome.errors import InputError
from microtome.statistics.grouping import Names, all_equal, grouped
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.ratios import canonical, interval, share_reach
from microtome.statistics.reach import Hull, Mapped, Share, p_value, studentised


@dataclass(frozen=True, eq=False)
class Stratum:
    """Cluster means of a stratum, nearest to its mean first, and the clusters' names."""

    values: Floats
    names: tuple[Hashable, ...]


def by_stratum(values: Floats, clusters: Names, strata: Sequence[Hashable]) -> list[Stratum]:
    """The clusters of each stratum; a cluster that is met in two counts in both.

    Sorted, so that draws do not depend on the order of rows.
    """
    own = tuple(range(1, len(values) + 1)) if clusters is None else clusters
    for kind, names in (("clusters", own), ("strata", strata)):
        if len(names) != len(values):
            raise InputError(f"{len(values)} values need {len(values)} {kind}, got {len(names)}.")
    grouped(strata, len(values))
    groups = grouped(list(zip(strata, own, strict=True)), len(values))
    found: dict[Hashable, list[tuple[float, Hashable]]] = {}
    firsts = dict(zip(groups.codes.tolist(), zip(strata, own, strict=True), strict=True))
    for code, one in enumerate(groups.means(values)):
        stratum, name = firsts[code]
        found.setdefault(stratum, []).append((float(one), name))
    parts = []
    for pairs in found.values():
        means = np.array([one for one, _ in pairs])
        order = canonical(means, np.ones_like(means))
        parts.append(Stratum(means[order], tuple(pairs[i][1] for i in order)))
    return sorted(parts, key=lambda part: tuple(np.abs(part.values - part.values.mean())))


@dataclass(frozen=True, eq=False)
class Side:
    """Mean over strata with its reach, or the reason why it has none."""

    value: float
    clusters: int
    reach: Share | Mapped | None
    hull: Hull | None = None
    reason: str = ""


def reach_of(parts: Sequence[Stratum], at: Level, within: tuple[float, float]) -> Side:
    """Mean of the strata's means and how far its interval reaches at any level."""
    values = [part.values for part in parts]
    value = min(max(_mean(values), within[0]), within[1])
    sizes = np.array([len(one) for one in values])
    count = int(sizes.sum())
    if sizes.min() < 2:
        return Side(value, count, None, reason="a stratum has one cluster only")
    variances = np.array([0.0 if all_equal(one) else one.var(ddof=1) / len(one) for one in values])
    error = float(np.sqrt(variances.sum())) / len(parts)
    if np.isfinite(within).all():
        squared = error**2 if error > 0 else None
        share = share_reach(value, squared, count, within, float((sizes - 1).sum()))
        return Side(value, count, share)
    if error == 0:
        why = "all values of each stratum are equal: nothing is known of their spread"
        return Side(value, count, None, reason=why)
    df = float(variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum())
    hull = Hull(value, error, df)
    if sizes.min() > 2:
        hull = _drawn_within(values, hull, at)
    return Side(value, count, Mapped(hull, within), hull)


def stratified(
    parts: Sequence[Stratum], n: int, at: Level, within: tuple[float, float], null: float
) -> Interval:
    """Mean of the strata's means with an interval over the clusters within them; `n` items."""
    side = reach_of(parts, at, within)
    value, count, hull = side.value, side.clusters, side.hull
    if side.reach is None:
        return without_interval(value, at.level, n, count, side.reason)
    if hull is None:
        return interval(side.reach, value, at, n, count, "clopper-pearson, stratified", null)
    low, high = side.reach.ends(at.alpha)
    limited = hull.limited(at.alpha)
    name, rest = _decider(parts) if limited else ("", None)
    return Interval(
        value, low, high, at.level, n, count, "stratified, student hull", p_value(hull, null),
        limited=limited, decider=name, without=rest,
    )  # fmt: skip


def _mean(values: Sequence[Floats]) -> float:
    return float(np.mean([one.mean() for one in values]))


def _drawn_within(values: Sequence[Floats], hull: Hull, at: Level) -> Hull:
    """The hull with bootstrap draws taken within strata."""
    rng = np.random.default_rng(at.seed)
    apart, variance = np.zeros(at.resamples), np.zeros(at.resamples)
    for one in values:
        centred = (one - one.mean()) / hull.error
        drawn = centred[rng.integers(len(one), size=(at.resamples, len(one)))]
        apart += drawn.mean(1) / len(values)
        spread = drawn.var(1, ddof=1)
        spread[np.ptp(drawn, axis=1) <= 1e-12 * np.abs(centred).max()] = 0.0
        variance += spread / len(one) / len(values) ** 2
    apart[np.abs(apart) <= 1e-12] = 0.0
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where((variance == 0) & (apart == 0), 0.0, apart / np.sqrt(variance))
    up, down = studentised(t, np.full(at.resamples, 1 / (at.resamples + 1)))
    return Hull(hull.value, hull.error, hull.df, up, down)


def _decider(parts: Sequence[Stratum]) -> tuple[str, float]:
    """The cluster that moves the mean farthest, and the mean without it."""
    moves: Mapping[tuple[int, int], float] = {
        (h, i): abs(float(one - part.values.mean())) / len(part.values)
        for h, part in enumerate(parts)
        for i, one in enumerate(part.values)
    }
    h, i = max(moves, key=lambda at: moves[at])
    rest = [np.delete(p.values, i) if k == h else p.values for k, p in enumerate(parts)]
    return str(parts[h].names[i]), _mean(rest)
