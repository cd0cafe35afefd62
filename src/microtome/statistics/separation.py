"""AUROC with an interval over clusters: DeLong's error on the logit scale, with Student's t.

    A = P(score of a positive > of a negative) + ½ P(equal)

Its error comes from the placement of every item among those of the other kind, summed by cluster
(DeLong, DeLong & Clarke-Pearson 1988; Obuchowski 1997). Where the kinds separate perfectly that
error is 0, and k clusters without an error allow [(α/2)^(1/k), 1].
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError
from microtome.statistics.grouping import Names, finite, grouped
from microtome.statistics.interval import Interval, without_interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.ratios import interval
from microtome.statistics.reach import Logit, Separation

FEWEST_PER_SIDE = 3


def placements(scores: Floats, positive: NDArray[np.bool_]) -> Floats:
    """Share of the other kind that each item stands on the right side of, "n", ties half."""
    from scipy import stats

    ranks = stats.rankdata(scores)
    placed = np.empty(len(scores))
    # How many of the other kind lie below an item: its rank less its rank among its own kind.
    for kind in (positive, ~positive):
        placed[kind] = (ranks[kind] - stats.rankdata(scores[kind])) / (~kind).sum()
    placed[~positive] = 1 - placed[~positive]
    return placed


def auroc(
    scores: ArrayLike,
    positive: ArrayLike,
    clusters: Names = None,
    at: Level = Level(),  # noqa: B008
    *,
    null: float = 0.5,
) -> Interval:
    """P(score of a positive > of a negative), ties half; `scores` and `positive` [n].

    `clusters` (pairs, prompts) that hold both kinds are resampled whole; where none does, or for
    None, the two sides are independent. Below 3 clusters with positives, or with negatives, there
    is no interval.
    """
    values, of = finite(scores, "An AUROC"), np.asarray(positive, dtype=bool)
    if values.shape != of.shape:
        raise InputError(f"{len(values)} scores need {len(values)} labels, got shape {of.shape}.")
    if not of.any() or of.all():
        raise InputError("An AUROC needs positive and negative items; all are of one kind.")
    placed = placements(values, of)
    value = float(placed[of].mean())
    groups = grouped(clusters, len(values))
    n, count = len(values), len(groups.names)
    sides = [len(set(groups.codes[kind].tolist())) for kind in (of, ~of)]
    if min(sides) < FEWEST_PER_SIDE:
        why = f"{sides[0]} against {sides[1]} clusters, {FEWEST_PER_SIDE} a side are needed"
        return without_interval(value, at.level, n, count, why, "auroc")
    if value in (0.0, 1.0):
        apart = Separation(value, min(sides))
        return interval(apart, value, at, n, count, "perfect separation", null)
    error = _error(placed - value, of, groups.codes)
    if error < 1e-9:
        equal = "all scores are equal" if np.ptp(values) == 0 else f"all {count} clusters are alike"
        why = f"{equal}: nothing is known of their spread"
        return without_interval(value, at.level, n, count, why, "auroc")
    reach = Logit(value, error, min(*sides, count) - 1)
    return interval(reach, value, at, n, count, "logit DeLong", null)


def _error(part: Floats, of: NDArray[np.bool_], codes: NDArray[np.intp]) -> float:
    """Error of A from placements less A, of clusters with both kinds or of independent sides."""
    weighted = part / np.where(of, of.sum(), (~of).sum())
    shared = np.intersect1d(codes[of], codes[~of]).size > 0
    sides = [np.ones(len(of), dtype=bool)] if shared else [of, ~of]
    variance = 0.0
    for side in sides:
        _, owner = np.unique(codes[side], return_inverse=True)
        sums = np.bincount(owner, weighted[side])
        variance += len(sums) / (len(sums) - 1) * float((sums**2).sum())
    return float(np.sqrt(variance))
