"""Is parting a group better than parting one Gaussian? And are groups of solutions distinct?

Cluster index = squares about k centroids / squares about one. The observed points and samples of
a Gaussian with their covariance go through the same search (Lloyd's steps from points that lie far
apart), so what the search gains by chance is in the null as well. The sample covariance has its
largest eigenvalues too large, which makes the test cautious.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microtome.errors import InputError

Floats = NDArray[np.float64]
_STEPS, _AXES = 12, 32


def cluster_index_p(points: Floats, k: int = 2, *, draws: int = 199, seed: int = 42) -> float:
    """p-value of the points' "n d" cluster index under one Gaussian of their covariance.

    Both are seen in the points' first 32 principal axes. Tails lighter than a Gaussian's count as
    groups: an evenly filled square of 100 points is parted more often than not.
    """
    centred = points - points.mean(0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    kept = int((s[:_AXES] > s[0] * 1e-6).sum())
    scores = (u * s)[:, :kept]
    rng = np.random.default_rng(seed)
    null = rng.standard_normal((draws, *scores.shape)) * scores.std(0)
    index = cluster_index(np.concatenate([scores[None], null]), k)
    return float((index[1:] <= index[0] * (1 + 1e-9)).sum() + 1) / (draws + 1)


def cluster_index(x: Floats, k: int = 2) -> Floats:
    """Cluster index "batch" of point sets "batch n d": the best of two starts."""
    centred = x - x.mean(1, keepdims=True)
    total = (centred**2).sum((1, 2))
    starts = (_far_apart(centred, k), _along_first_axes(centred, k))
    found: Floats = np.minimum(*(_within(centred, start) for start in starts)) / total
    return found


def _far_apart(x: Floats, k: int) -> Floats:
    """Start centres "batch k d": the point farthest from the mean, then from those before."""
    rows = np.arange(len(x))
    centres = [x[rows, (x**2).sum(-1).argmax(1)]]
    while len(centres) < k:
        apart = np.stack([((x - c[:, None]) ** 2).sum(-1) for c in centres]).min(0)
        centres.append(x[rows, apart.argmax(1)])
    return np.stack(centres, 1)


def _along_first_axes(x: Floats, k: int) -> Floats:
    """Start centres "batch k d": the vertices of a simplex of one deviation in the first axes."""
    corners = np.eye(k) - 1 / k
    axes = np.linalg.svd(corners)[0][:, : k - 1]
    wide = min(k - 1, x.shape[-1])
    centres = np.zeros((len(x), k, x.shape[-1]))
    centres[..., :wide] = axes[None, :, :wide] * x.std(1)[:, None, :wide]
    return centres


def _within(x: Floats, centres: Floats) -> Floats:
    """Squares "batch" about the centres after Lloyd's steps from the given ones."""
    norms = (x**2).sum(-1)
    before = None
    for _ in range(_STEPS):
        apart = (centres**2).sum(-1)[:, None] - 2 * x @ centres.swapaxes(1, 2)
        nearest = apart.argmin(-1)
        if before is not None and (nearest == before).all():
            break
        before = nearest
        member = (nearest[:, None] == np.arange(centres.shape[1])[:, None]).astype(float)
        size = member.sum(-1, keepdims=True)
        centres = np.where(size > 0, member @ x / np.maximum(size, 1), centres)
    within: Floats = (norms + apart.min(-1)).sum(-1)
    return within


@dataclass(frozen=True)
class Contrast:
    """How often pairs were called distinct between and within clusters, and its p-value."""

    between: float
    within: float
    p: float
    n_between: int
    n_within: int

    @property
    def difference(self) -> float:
        """Distinct rate between clusters minus that within them."""
        return self.between - self.within


def within_between(
    pairs: Sequence[tuple[int, int]],
    distinct: Sequence[bool],
    labels: Sequence[int],
    problems: Sequence[str] | None = None,
    *,
    draws: int = 4999,
    seed: int = 42,
) -> Contrast:
    """Are `pairs` of items more often `distinct` where their `labels` differ?

    `labels` and `problems` have one entry per item; p is the share of permutations of labels
    (among items of one problem) that give as large a difference. InputError unless there are
    pairs of both kinds.
    """
    left, right = np.array(pairs, dtype=int).reshape(-1, 2).T
    called, names = np.asarray(distinct, float), np.asarray(labels)
    apart = names[left] != names[right]
    if len(left) == 0 or apart.all() or not apart.any():
        raise InputError("The test needs pairs within clusters and pairs between them.")
    items = np.unique(np.concatenate([left, right]))
    homes = np.zeros(len(items)) if problems is None else np.asarray(problems)[items]
    groups = [items[homes == home] for home in np.unique(homes)]
    rng = np.random.default_rng(seed)
    observed = called[apart].mean() - called[~apart].mean()
    reached = valid = 0
    for _ in range(draws):
        shuffled = names.copy()
        for group in groups:
            shuffled[group] = rng.permutation(names[group])
        across = shuffled[left] != shuffled[right]
        if across.all() or not across.any():
            continue
        valid += 1
        reached += called[across].mean() - called[~across].mean() >= observed - 1e-12
    return Contrast(
        float(called[apart].mean()), float(called[~apart].mean()), (reached + 1) / (valid + 1),
        int(apart.sum()), int((~apart).sum()),
    )  # fmt: skip
