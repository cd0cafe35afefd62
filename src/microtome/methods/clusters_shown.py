"""What clusters are worth and look like: agreement, stability, representatives, a plane.

Agreement is the adjusted Rand index (Hubert & Arabie 1985): 1 for equal groups, 0 by chance.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from microtome.methods.clusters import Clustering, Labels
from microtome.statistics.cloud import points_of
from microtome.statistics.level import Floats


def stability(
    x: ArrayLike, clustering: Clustering, *, draws: int = 50, seed: int = 42
) -> float | None:
    """Mean ARI of the labels with those by K-means of bootstrap samples; None for one cluster.

    A high value does not show that the clusters are real: halves of one Gaussian are stable too.
    """
    if clustering.k == 1:
        return None
    from sklearn.cluster import KMeans

    points, rng, found = points_of(x), np.random.default_rng(seed), []
    for _ in range(draws):
        drawn = points[rng.integers(len(points), size=len(points))]
        k = min(clustering.k, len(np.unique(drawn, axis=0)))
        model = KMeans(k, n_init=3, random_state=seed).fit(drawn)
        found.append(agreement(clustering.labels, model.predict(points)))
    return float(np.mean(found))


def agreement(labels: Sequence[int] | Labels, known: Sequence[object] | Labels) -> float:
    """Adjusted Rand index: 1 for the same groups, 0 expected by chance."""
    from sklearn.metrics import adjusted_rand_score

    names = {name: i for i, name in enumerate(dict.fromkeys(known))}
    return float(adjusted_rand_score(list(labels), [names[name] for name in known]))


def silhouette(x: ArrayLike, clustering: Clustering) -> float | None:
    """Mean silhouette; None for one cluster, where it is not defined."""
    if clustering.k == 1:
        return None
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(points_of(x), clustering.labels))


def representatives(
    x: ArrayLike, clustering: Clustering, count: int = 1, *, seed: int = 42
) -> list[tuple[int, ...]]:
    """Per cluster its medoid, then `count` − 1 further members drawn at random."""
    points, rng = points_of(x), np.random.default_rng(seed)
    chosen = []
    for cluster in range(clustering.k):
        members = np.flatnonzero(clustering.labels == cluster)
        own = points[members]
        apart = np.linalg.norm(own[:, None] - own, axis=-1).sum(1)
        medoid = int(members[apart.argmin()])
        others = rng.permutation(members[members != medoid])[: count - 1]
        chosen.append((medoid, *map(int, others)))
    return chosen


def plane(x: ArrayLike) -> Floats:
    """The two leading principal components "n 2" of points, each pointing to its largest entry."""
    points = points_of(x)
    centred = points - points.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    scores = np.zeros((len(points), 2))
    kept = min(2, len(s))
    scores[:, :kept] = u[:, :kept] * s[:kept]
    largest = np.take_along_axis(scores, np.abs(scores).argmax(0)[None], 0)
    return scores * np.where(largest < 0, -1.0, 1.0)
