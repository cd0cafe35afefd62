"""Do the latents of many solutions form groups, and how many? One is an answer.

K grows from 1: a group is parted in two by 2-means when all of this holds.
- Both parts keep `min_size` members; fewer that stand apart are set aside and join the nearest.
- The group is not one cloud (SigClust, as it is and at unit length) and the split-half dip finds
  two modes: without the dip it may be a curve, and stays whole (`microtome.statistics.cloud`).
- The centroids lie farther apart than `resolution`, such as the error of one pooled latent, so
  that a turn of phrase that moves a mean by less than its tokens scatter makes no group.
Every part is tested again at the same level. What was not seen may be there: read a K of 1 beside
the power of the test (`microtome.statistics.power`).
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError
from microtome.statistics.cloud import Cloud, gram_of, one_cloud, points_of
from microtome.statistics.level import Floats
from microtome.statistics.two_means import two_means

Labels = NDArray[np.intp]

LEVEL = 0.05
"""Of each split's tests: how often one cloud may read as more than one group."""
FEWEST = 5
"""Members per cluster below which a number of clusters is not to be believed."""


@dataclass(frozen=True)
class Split:
    """One attempt to part a group: the sizes, what the tests say, and whether it was done."""

    sizes: tuple[int, ...]
    cloud: Cloud
    separation: float
    """Squared distance of the two centroids / `resolution`; infinite without one."""

    @property
    def accepted(self) -> bool:
        """Whether the group was parted."""
        return self.cloud.groups and self.separation > 1

    @property
    def verdict(self) -> str:
        """The tests' words, or that the parts lie within the error of pooling."""
        if not self.cloud.one and self.separation <= 1:
            return "one cluster: its parts lie nearer than the pooling error"
        return self.cloud.verdict


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

    @property
    def verdict(self) -> str:
        """What the test of all points says; "too few to test" where none was made."""
        return self.splits[0].verdict if self.splits else "too few to test"


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
    level: float = LEVEL,
    draws: int = 199,
    seed: int = 42,
) -> Clustering:
    """Cluster points "n d" into as many groups as the tests above leave, 1 among them.

    `resolution` is a squared distance; `level` that of each split's test over `draws` Gaussian
    samples. Fewer than 2 `min_size` points are one cluster, untested.
    """
    points = points_of(x)
    work = _Parting(points, resolution, min_size, level, draws, seed)
    queue, leaves = [np.arange(len(points))], list[Labels]()
    while queue:
        members = queue.pop(0)
        parts = work.parts(members)
        if parts:
            queue += parts
        else:
            leaves.append(members)
    labels = np.zeros(len(points), dtype=np.intp)
    for i, members in enumerate(leaves):
        labels[members] = i
    return Clustering(_ordered(_polished(points, labels, work.aside)), tuple(work.tried))


@dataclass
class _Parting:
    """When a group is parted; notes what was tried and which members were set aside."""

    points: Floats
    resolution: float
    min_size: int
    level: float
    draws: int
    seed: int
    tried: list[Split] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.aside = np.zeros(len(self.points), dtype=bool)

    def parts(self, members: Labels) -> list[Labels]:
        """Both parts of a group, or none."""
        kept, halves = self._halves(members)
        if not halves:
            return []
        centres = np.stack([self.points[half].mean(0) for half in halves])
        apart = float(((centres[0] - centres[1]) ** 2).sum())
        tested = one_cloud(self.points[kept], level=self.level, draws=self.draws, seed=self.seed)
        split = Split(
            tuple(sorted(map(len, halves))), tested,
            apart / self.resolution if self.resolution > 0 else np.inf,
        )  # fmt: skip
        self.tried.append(split)
        if not split.accepted:
            return []
        self.aside[np.setdiff1d(members, kept)] = True
        nearest = _nearest(self.points[members], centres)
        return [members[nearest == part] for part in range(2)]

    def _halves(self, members: Labels) -> tuple[Labels, list[Labels]]:
        """Members that remain when parts too small are set aside, and their parts; none, if few."""
        kept = members
        while len(kept) >= 2 * self.min_size and np.ptp(self.points[kept], axis=0).any():
            side = two_means(gram_of(self.points[kept]))[0][0]
            parts = [kept[side], kept[~side]]
            large = [part for part in parts if len(part) >= self.min_size]
            if len(large) == 2:
                return kept, parts
            if not large:
                break
            kept = large[0]
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
