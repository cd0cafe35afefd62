"""AUROC with an interval over clusters.

    A = P(score of a positive > of a negative) + ½ P(equal)

Its error comes from how every item is placed among those of the other kind, summed by cluster
(Obuchowski 1997); where the kinds separate perfectly that error is 0, and the lower end is the
least A that fits (Newcombe 2006, method 5).
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from microtome.errors import InputError
from microtome.statistics import Interval


def auroc(
    scores: Sequence[float] | NDArray[np.float64],
    positive: Sequence[bool] | NDArray[np.bool_],
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
) -> Interval:
    """P(score of a positive > of a negative), ties half, with an interval over clusters."""
    from scipy import stats

    values, of = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
    if not of.any() or of.all():
        raise InputError("An AUROC needs positive and negative items; all are of one kind.")
    owner = codes_of(clusters, len(values))
    ranks = stats.rankdata(values)
    placed = np.empty(len(values))
    # How many of the other kind lie below an item: its rank less its rank among its own kind.
    for kind in (of, ~of):
        placed[kind] = (ranks[kind] - stats.rankdata(values[kind])) / (~kind).sum()
    placed[~of] = 1 - placed[~of]
    value = float(placed[of].mean())
    part = np.where(of, (placed - value) / of.sum(), (placed - value) / (~of).sum())
    count = int(owner.max()) + 1
    if count < 2:
        return Interval(value, None, None, level, len(values), count)
    error = float(np.sqrt((np.bincount(owner, part) ** 2).sum() * count / (count - 1)))
    if value in (0.0, 1.0):
        least = _least_auroc(len(set(owner[of])), len(set(owner[~of])), level)
        low, high = (least, 1.0) if value else (0.0, 1 - least)
        return Interval(value, low, high, level, len(values), count)
    reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
    return Interval(
        value, max(value - reach, 0.0), min(value + reach, 1.0), level, len(values), count
    )


def _least_auroc(m: int, n: int, level: float) -> float:
    """The lowest AUROC that fits a perfect separation of m from n (Newcombe 2006, method 5)."""
    from scipy import optimize, stats

    z, half = float(stats.norm.ppf((1 + level) / 2)), (m + n) / 2 - 1

    def gap(a: float) -> float:
        """1 − a in squared standard errors, less z²."""
        variance = a * (1 - a) * (1 + half * ((1 - a) / (2 - a) + a / (1 + a))) / (m * n)
        return (1 - a) ** 2 - z**2 * variance

    return float(optimize.brentq(gap, 1e-9, 1 - 1e-9))


def codes_of(clusters: Sequence[Hashable] | None, n: int) -> NDArray[np.intp]:
    """Clusters as numbers from 0; every item its own where there are none."""
    if clusters is None:
        return np.arange(n)
    order = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    return np.array([order[name] for name in clusters])
