"""Ratio of sums over clusters, of which a mean is the case of a bottom of 1.

    r = Σ top / Σ bottom,   z_c = (top_c − r bottom_c) / mean(bottom),   error = sd(z) / √n

The error is linearised and computed again in every draw of the bootstrap. A ratio whose
denominator may be 0 has no interval (Fieller 1954: Student's interval of the bottom includes 0).
"""

from collections.abc import Hashable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError, NumericsError
from microtome.statistics.grouping import EQUAL, Names, finite, grouped, inside, same_values
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level, draws
from microtome.statistics.reach import Hull, Mapped, Reach, Share, p_value, studentised

ANYTHING = (-np.inf, np.inf)
_BLOCK = 1 << 21
"""Most numbers of a block of draws."""
_LOST = 1e-6
"""Share of its squares below which the spread of a draw is computed from the draw itself."""
FEWEST = 4
"""Clusters from which on an unbounded value has an interval."""


def ratio(
    top: ArrayLike,
    bottom: ArrayLike,
    clusters: Names = None,
    at: Level = Level(),  # noqa: B008
    *,
    within: tuple[float, float] = ANYTHING,
    null: float = 1.0,
) -> Interval:
    """Σ top / Σ bottom, both [n], with an interval over `clusters`; `p` is against `null`.

    NumericsError where the bottoms sum to 0; no interval where their mean may be 0 at this level.
    InputError where the ratio lies outside `within`.
    """
    tops, bottoms = finite(top), finite(bottom)
    if tops.shape != bottoms.shape:
        raise InputError(f"A ratio needs equal lengths, got {len(tops)} and {len(bottoms)} values.")
    groups = grouped(clusters, len(tops))
    a, b = groups.sums(tops), groups.sums(bottoms)
    if abs(b.sum()) <= EQUAL * np.abs(bottoms).sum():
        raise NumericsError("The ratio of means has a denominator whose mean is 0.")
    value, n, count = float(a.sum() / b.sum()), len(tops), len(groups.names)
    inside(np.array([value]), within)
    bottom_is_0 = 0.0
    if count > 1 and np.ptp(b) > 0:
        student = Hull(float(b.mean()), float(b.std(ddof=1)) / np.sqrt(count), count - 1)
        low, high = student.ends(at.alpha)
        if low <= 0 <= high:
            why = f"the denominator may be 0 (its mean lies in {low:.3g} to {high:.3g})"
            return without_interval(value, at.level, n, count, why, "fieller refused")
        bottom_is_0 = p_value(student, 0.0)
    found = over_clusters(a, b, at, n, groups.names, within, null, "ratio")
    # At a level that refuses the interval nothing is left out: p is no smaller than that.
    return found if found.p is None else replace(found, p=max(found.p, bottom_is_0))


def signed_share(
    effects: ArrayLike,
    gaps: ArrayLike,
    clusters: Names = None,
    at: Level = Level(),  # noqa: B008
) -> Interval:
    """Σ sign(gap) · effect / Σ |gap|: which part of gaps of either sign the effects make up.

    Not cut to [0, 1]: an effect may overshoot the gap or go against it. `p` is against 0.
    """
    effect, gap = finite(effects), finite(gaps)
    if effect.shape != gap.shape:
        raise InputError(f"A share needs a gap per effect, got {len(gap)} and {len(effect)}.")
    if not np.abs(gap).sum() > 0:
        raise NumericsError("A share of a gap needs a gap; all of them are 0.")
    return ratio(np.sign(gap) * effect, np.abs(gap), clusters, at, null=0.0)


def ratio_of_geometric_means(
    a: ArrayLike,
    b: ArrayLike,
    clusters: Names = None,
    at: Level = Level(),  # noqa: B008
) -> Interval:
    """exp(mean(log a − log b)) of positive, paired values [n], over clusters; `p` is against 1."""
    first, second = finite(a), finite(b)
    if first.shape != second.shape:
        raise InputError(f"A ratio needs equal lengths, got {len(first)} and {len(second)} values.")
    lowest = min(first.min(), second.min())
    if lowest <= 0:
        raise NumericsError(f"A ratio of geometric means needs positive values, got {lowest:.3g}.")
    groups = grouped(clusters, len(first))
    logs = groups.means(np.log(first) - np.log(second))
    found = over_clusters(
        logs, np.ones_like(logs), at, len(first), groups.names, ANYTHING, 0.0, "geometric ratio",
        exp=True,
    )  # fmt: skip
    return found


def over_clusters(
    tops: Floats,
    bottoms: Floats,
    at: Level,
    n: int,
    names: Sequence[Hashable],
    within: tuple[float, float],
    null: float,
    method: str,
    *,
    exp: bool = False,
) -> Interval:
    """The interval of Σ tops / Σ bottoms, one of each per cluster; `n` items in all."""
    order = canonical(tops, bottoms)
    tops, bottoms, names = tops[order], bottoms[order], [names[i] for i in order]
    value, count = float(tops.sum() / bottoms.sum()), len(tops)
    value = min(max(value, within[0]), within[1])
    shown = float(np.exp(value)) if exp else value
    error = error_of(tops, bottoms)
    if not np.isfinite(value + error):
        raise NumericsError(f"The values are too large for an interval: up to {tops.max():.3g}.")
    bounded = bool(np.isfinite(within).all())
    if why := _none_because(shown, count, error, bounded):
        return without_interval(shown, at.level, n, count, why, method)
    if bounded:
        reach: Reach = share_reach(value, None if error == 0 else error**2, count, within)
        return interval(reach, value, at, n, count, "clopper-pearson", null)
    hull = hull_of(tops, bottoms, at)
    reach = Mapped(hull, within, exp) if exp or within != ANYTHING else hull
    p = p_value(hull, null)
    found = interval(reach, shown, at, n, count, f"{method}, student hull", null, p)
    if not hull.limited(at.alpha):
        return found
    name, rest = decider(tops, bottoms, names)
    if exp and rest is not None:
        rest = float(np.exp(rest))
    return replace(found, limited=True, decider=name, without=rest)


def canonical(tops: Floats, bottoms: Floats) -> NDArray[np.intp]:
    """Order of clusters by their distance from the ratio, nearest first.

    Draws then depend neither on the order of rows nor on the sign that values are counted with.
    """
    order = np.lexsort((bottoms, tops))
    a, b = tops[order], bottoms[order]
    with np.errstate(over="ignore", invalid="ignore"):
        apart = np.abs(a - a.sum() / b.sum() * b)
    return order[np.argsort(apart, kind="stable")]


def _none_because(value: float, count: int, error: float, bounded: bool) -> str:
    if count < 2:
        return "one cluster only"
    if bounded:
        return ""
    if error == 0:
        return same_values(value, count)
    return "" if count >= FEWEST else f"{count} clusters only, {FEWEST} are needed"


def share_reach(
    value: float,
    variance: float | None,
    n: float,
    within: tuple[float, float],
    df: float | None = None,
) -> Share:
    """The reach of a mean of values within finite bounds, from the variance of that mean."""
    width = within[1] - within[0]
    y = min(max((value - within[0]) / width, 0.0), 1.0)
    scaled = None if variance is None else variance / width**2
    return Share(y, scaled, n, n - 1 if df is None else df, within)


def interval(
    reach: Reach,
    value: float,
    at: Level,
    n: int,
    clusters: int,
    method: str,
    null: float,
    p: float | None = None,
) -> Interval:
    """The interval that a reach gives at a Level, with its p-value (or `p`, where it is known)."""
    low, high = reach.ends(at.alpha)
    effective = reach.effective(at.alpha) if isinstance(reach, Share) else None
    p = p_value(reach, null) if p is None else p
    # The value of equal shares differs from its mean by rounding.
    low, high = min(low, value), max(high, value)
    return Interval(value, low, high, at.level, n, clusters, method, p, effective)


def hull_of(tops: Floats, bottoms: Floats, at: Level) -> Hull:
    """Student's t and the bootstrap-t of Σ tops / Σ bottoms, one of each per cluster."""
    value, error = float(tops.sum() / bottoms.sum()), error_of(tops, bottoms)
    drawn = draws(len(tops), at)
    t = np.empty(len(drawn.weight))
    step = max(1, _BLOCK // len(tops))
    for start in range(0, len(t), step):
        part = slice(start, start + step)
        t[part], near = _t_of_sums(drawn.counts(part), tops, bottoms, value, error)
        index = drawn.index[part][near]
        t[part][near] = _t_of_draws(tops[index], bottoms[index], value, error)
    up, down = studentised(t, drawn.weight)
    return Hull(value, error, len(tops) - 1, up, down)


def _t_of_sums(
    counts: Floats, tops: Floats, bottoms: Floats, value: float, error: float
) -> tuple[Floats, NDArray[np.bool_]]:
    """t* of draws from sums over clusters, and the draws that have to be looked at themselves:
    their spread is lost in rounding, or their denominator is 0.

    With a = top − value · bottom: r* − value = Σa / Σb, and Σ(a − (r* − value) b)² is the spread.
    """
    a, b = tops - value * bottoms, bottoms / np.abs(bottoms).max()
    a = a / max(float(np.abs(a).max()), np.finfo(float).tiny)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        sums = counts @ np.stack([a, b, a * a, a * b, b * b], axis=1)
        apart = sums[:, 0] / sums[:, 1]
        spread = sums[:, 2] - 2 * apart * sums[:, 3] + apart**2 * sums[:, 4]
        t = np.sign(sums[:, 1]) * sums[:, 0] * np.sqrt((len(a) - 1) / len(a) / spread)
    return t, ~(spread > _LOST * sums[:, 2]) | ~np.isfinite(apart)


def _t_of_draws(tops: Floats, bottoms: Floats, value: float, error: float) -> Floats:
    """t* of draws "draw cluster"; a draw of equal clusters is infinitely far out, if it differs."""
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = tops.sum(1) / bottoms.sum(1) - value
        apart[np.abs(apart) <= 1e-12 * error] = 0.0
        errors = _errors(tops, bottoms)
        t: Floats = np.where((errors == 0) & (apart == 0), 0.0, apart / errors)
    return t


def error_of(tops: Floats, bottoms: Floats) -> float:
    """Linearised error of Σ tops / Σ bottoms over clusters; 0 where all are equal."""
    return float(_errors(tops, bottoms))


def _errors(tops: Floats, bottoms: Floats) -> Floats:
    """Linearised error of Σ tops / Σ bottoms over the last axis, in units of the largest top."""
    count = tops.shape[-1]
    if count < 2:
        return np.zeros(tops.shape[:-1])
    scale = np.abs(tops).max(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = tops.sum(-1) / bottoms.sum(-1)
        rest = (tops - r[..., None] * bottoms) / scale[..., None]
        spread = np.sqrt((rest**2).sum(-1) / (count - 1) / count) * scale
        error: Floats = np.asarray(spread / np.abs(bottoms.mean(-1)))
    return np.where((np.abs(rest).max(-1) <= EQUAL) | (scale == 0), 0.0, error)


def decider(tops: Floats, bottoms: Floats, names: Sequence[Hashable]) -> tuple[str, float | None]:
    """The cluster that is farthest from the rest, and the value without it."""
    r = tops.sum() / bottoms.sum()
    i = int(np.abs(tops - r * bottoms).argmax())
    rest = np.delete(bottoms, i).sum()
    return str(names[i]), float(np.delete(tops, i).sum() / rest) if rest else None
