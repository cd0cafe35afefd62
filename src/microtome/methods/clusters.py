"""Do the latents of many solutions form groups, and how many? One is an answer.

K grows from 1: a group is parted by K-means in two, or in three, when all of this holds.
- Every part keeps `min_size` members; fewer that stand apart are set aside and join the nearest.
- Its cluster index (squares within parts / squares in all) is smaller than that of Gaussian
  samples of the same covariance, however stretched, parted by the same search (as SigClust).
- The centroids lie farther apart than `resolution`, such as the error of one pooled latent, so
  that a turn of phrase that moves a mean by less than its tokens scatter makes no group.
Liu, Hayes, Nobel & Marron 2008, doi 10.1198/016214508000000454.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError, NumericsError
from microtome.methods.clusters_null import cluster_index_p

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

FEWEST = 5
"""Members per cluster below which a number of clusters is not to be believed."""
PARTS = (2, 3)
"""Into how many a group is parted at once: three equal groups look round to a split in two."""


@dataclass(frozen=True)
class Split:
    """One attempt to part a group: its sizes, what the tests said, and whether it was done."""

    sizes: tuple[int, ...]
    p: float
    separation: float
    """Smallest squared distance of two centroids / `resolution`; infinite without one."""
    accepted: bool


@dataclass(frozen=True, eq=False)
class Clustering:
    """Labels "n" from 0, the largest cluster first, and the splits that were tried."""

    labels: Labels
    splits: tuple[Split, ...] = ()

    @property
    def k(self) -> int:
        """Number of clusters."""
        return int(self.labels.max()) + 1

    @property
    def sizes(self) -> tuple[int, ...]:
        """Members of each cluster."""
        return tuple(np.bincount(self.labels, minlength=self.k).tolist())


def kmeans(x: ArrayLike, k: int, *, seed: int = 42, force: bool = False) -> Clustering:
    """K-means of points "n d" into `k`, as many as asked for; InputError below 5 k points."""
    points = points_of(x)
    if len(points) < FEWEST * k and not force:
        raise InputError(
            f"{len(points)} solutions are too few for {k} clusters (at least {FEWEST * k}); sample "
            f"more, ask for fewer, or insist with force."
        )
    if len(points) < k:
        raise InputError(f"{len(points)} solutions cannot make {k} clusters; sample more.")
    return Clustering(_ordered(_kmeans(points, k, seed)))


def choose_clusters(
    x: ArrayLike,
    *,
    resolution: float = 0.0,
    min_size: int = FEWEST,
    alpha: float = 0.01,
    draws: int = 199,
    seed: int = 42,
) -> Clustering:
    """Cluster points "n d" into as many groups as the tests above leave, 1 among them.

    `resolution` is a squared distance; `alpha` the level of each split's test over `draws`
    Gaussian samples. Fewer than 2 `min_size` points are one cluster.
    """
    points = points_of(x)
    rule = _Rule(resolution, min_size, alpha, draws, seed)
    queue, leaves = [np.arange(len(points))], list[Labels]()
    tried, aside = list[Split](), np.zeros(len(points), dtype=bool)
    while queue:
        members = queue.pop(0)
        parts = next(rule.attempts(points, members, tried, aside), None)
        if parts is None:
            leaves.append(members)
        else:
            queue += parts
    labels = np.zeros(len(points), dtype=np.intp)
    for i, members in enumerate(leaves):
        labels[members] = i
    return Clustering(_ordered(_polished(points, labels, aside)), tuple(tried))


@dataclass(frozen=True)
class _Rule:
    """When a group is parted."""

    resolution: float
    min_size: int
    alpha: float
    draws: int
    seed: int

    def attempts(
        self, points: Floats, members: Labels, tried: list[Split], aside: NDArray[np.bool_]
    ) -> Iterator[list[Labels]]:
        """The ways to part a group that pass; notes what was tried and who was set aside."""
        for k in PARTS:
            kept, parts = self._parted(points, members, k)
            if not parts:
                continue
            centres = np.stack([points[part].mean(0) for part in parts])
            apart = min(float(((a - b) ** 2).sum()) for a, b in combinations(centres, 2))
            separation = apart / self.resolution if self.resolution > 0 else np.inf
            p = cluster_index_p(points[kept], k, draws=self.draws, seed=self.seed)
            accepted = p <= self.alpha and separation > 1
            tried.append(Split(tuple(sorted(map(len, parts))), p, separation, accepted))
            if accepted:
                aside[np.setdiff1d(members, kept)] = True
                nearest = _nearest(points[members], centres)
                yield [members[nearest == part] for part in range(k)]

    def _parted(self, points: Floats, members: Labels, k: int) -> tuple[Labels, list[Labels]]:
        """Those who remain when parts too small are set aside, and their parts; none, if few."""
        kept = members
        while len(kept) >= k * self.min_size and len(np.unique(points[kept], axis=0)) >= k:
            labels = _kmeans(points[kept], k, self.seed)
            parts = [kept[labels == part] for part in range(k)]
            large = [part for part in parts if len(part) >= self.min_size]
            if len(large) == k:
                return kept, parts
            if not large:
                break
            kept = np.sort(np.concatenate(large))
        return kept, []


def _nearest(points: Floats, centres: Floats) -> Labels:
    apart: Labels = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
    return apart


def _polished(points: Floats, labels: Labels, aside: NDArray[np.bool_]) -> Labels:
    """Lloyd's steps from the groups found: a split in two may cut between three groups."""
    k = int(labels.max()) + 1
    if k == 1:
        return labels
    from sklearn.cluster import KMeans

    kept = ~aside
    start = np.stack([points[kept & (labels == c)].mean(0) for c in range(k)])
    model = KMeans(k, init=start, n_init=1).fit(points[kept])
    return _nearest(points, model.cluster_centers_)


def _kmeans(points: Floats, k: int, seed: int) -> Labels:
    from sklearn.cluster import KMeans

    k = min(k, len(np.unique(points, axis=0)))
    found: Labels = KMeans(k, n_init=10, random_state=seed).fit_predict(points).astype(np.intp)
    return found


def _ordered(labels: Labels) -> Labels:
    """The largest cluster is 0; of equals, the one whose first member comes first."""
    names, first, counts = np.unique(labels, return_index=True, return_counts=True)
    rank = {int(names[i]): place for place, i in enumerate(np.lexsort((first, -counts)))}
    return np.array([rank[int(label)] for label in labels], dtype=np.intp)


def points_of(x: ArrayLike) -> Floats:
    """Points "n d" in float64; InputError for another shape, NumericsError for a NaN."""
    points = np.asarray(x, dtype=float)
    if points.ndim != 2 or len(points) == 0:
        raise InputError(f"Points to cluster are [n, d], got the shape {points.shape}.")
    if not np.isfinite(points).all():
        raise NumericsError("A point to cluster is not finite; check the model's number format.")
    return points
