"""One cloud of points or more: SigClust, with the split-half dip where "separate groups" is meant.

Cluster index = squares within / in all of the best 2-means. Null: points of N(0, diag λ̃), where
λ̃ = max(λ − τ, σ²) are the sample's eigenvalues cut softly at the noise σ = MAD / .6745 of all
entries, τ such that their sum is kept. It is asked of the points as they are (small d needs that)
and of rows centred by the median and scaled to length 1 (heavy tails need that); p is the larger.
A small p says "groups, or a curve". Groups are claimed only where the dip, too, finds two modes:
of halves projected on the line between the centres of 2-means of the other half, 5 times both ways,
p = 2 · median.
Huang, Liu, Yuan & Marron 2015, doi 10.1080/10618600.2014.948179.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError, NumericsError
from microtome.statistics.dip import dip_p
from microtome.statistics.level import Floats
from microtome.statistics.two_means import centred, two_means

DRAWS, HALVINGS = 199, 5
_QUARTILE = 0.6744897501960817
"""Median |z| of a normal variable."""


@dataclass(frozen=True)
class Cloud:
    """What two tests say of n points in d dimensions; `dip` is the split-half dip's p-value."""

    p: float
    dip: float
    n: int
    d: int
    level: float

    @property
    def one(self) -> bool:
        """Whether nothing speaks against one cloud; read it beside the test's power."""
        return self.p > self.level

    @property
    def groups(self) -> bool:
        """Whether both tests say that the points fall into separate groups."""
        return not self.one and self.dip <= self.level

    @property
    def verdict(self) -> str:
        """In words."""
        if self.one:
            return "one cluster"
        return "separate groups" if self.groups else "not one cloud: groups, or a curve"


def one_cloud(x: ArrayLike, *, level: float = 0.05, draws: int = DRAWS, seed: int = 42) -> Cloud:
    """Test points "n d". InputError for another shape or fewer than 4, NumericsError for a NaN."""
    points = points_of(x)
    if len(points) < 4:
        raise InputError(f"{len(points)} points cannot be tested for groups; give 4 or more.")
    n, d = points.shape
    return Cloud(larger_p(points, draws, seed), split_half_dip(points, seed=seed), n, d, level)


def larger_p(points: Floats, draws: int, seed: int) -> float:
    """The larger p of points "n d" as they are and of their rows at unit length."""
    return max(cloud_p(form, draws, seed) for form in (points, unit_rows(points)))


def cloud_p(points: Floats, draws: int, seed: int) -> float:
    """p-value of the cluster index of points "n d" under one soft-thresholded Gaussian."""
    null = null_grams(spectrum(points), len(points), draws, np.random.default_rng(seed))
    index = two_means(np.concatenate([gram_of(points), null]))[1]
    return float((index[1:] <= index[0] * (1 + 1e-9)).sum() + 1) / (draws + 1)


def gram_of(points: Floats) -> Floats:
    """Inner products "1 n n" of points "n d" about their mean."""
    rows = points - points.mean(0)
    return centred((rows @ rows.T)[None])


def unit_rows(points: Floats) -> Floats:
    """Points "n d" about their median, each at length 1; a point on the median stays there."""
    rows = points - np.median(points, axis=0)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    found: Floats = np.divide(rows, length, out=np.zeros_like(rows), where=length > 0)
    return found


def spectrum(points: Floats) -> Floats:
    """Eigenvalues "d" of the null, from those of the covariance of points "n d"."""
    n, d = points.shape
    rows = points - points.mean(0)
    values = np.zeros(d)
    # Against the noise of centred entries, over n, this errs on the side of one cloud: with n in
    # both heavy tails in many dimensions are rejected too often (.18 of multivariate t3, d 1024).
    found = np.linalg.svd(rows, compute_uv=False) ** 2 / (n - 1)
    values[: len(found)] = found
    noise = float(np.median(np.abs(rows - np.median(rows)))) / _QUARTILE
    return soft_threshold(values, noise**2)


def soft_threshold(values: Floats, noise: float) -> Floats:
    """max(values − τ, noise), τ such that the sum of `values`, largest first, stays; "d"."""
    d, total = len(values), values.sum()
    if d * noise >= total:
        return np.full(d, total / d)
    count = np.arange(1, d + 1)
    # With the first k above the floor, τ is what the floor adds to the others, shared by these k.
    cut = ((d - count) * noise - (total - np.cumsum(values))) / count
    above = int((values - cut > noise).sum())
    return np.maximum(values - cut[above - 1], noise)


def null_grams(values: Floats, n: int, draws: int, rng: np.random.Generator) -> Floats:
    """Centred Gram matrices "draws n n" of n points of N(0, diag `values`).

    The equal eigenvalues of the floor are drawn together, as one Wishart matrix.
    """
    floor = float(values[-1])
    above = values[values > floor * (1 + 1e-12)]
    z = rng.standard_normal((draws, n, len(above))) * np.sqrt(above)
    return centred(z @ z.swapaxes(1, 2) + floor * _wishart(n, len(values) - len(above), draws, rng))


def _wishart(n: int, freedom: int, draws: int, rng: np.random.Generator) -> Floats:
    """Gram matrices "draws n n" of n standard normal points in `freedom` dimensions."""
    if freedom < n:
        z = rng.standard_normal((draws, n, freedom))
    else:
        # Bartlett's decomposition.
        z = np.tril(rng.standard_normal((draws, n, n)), -1)
        place = np.arange(n)
        z[:, place, place] = np.sqrt(rng.chisquare(freedom - place, (draws, n)))
    found: Floats = z @ z.swapaxes(1, 2)
    return found


def split_half_dip(points: Floats, *, halvings: int = HALVINGS, seed: int = 42) -> float:
    """p-value of one mode of points "n d" along lines that other halves of them have chosen."""
    (gram,) = gram_of(points)
    rng, found = np.random.default_rng(seed), list[float]()
    for _ in range(halvings):
        order = rng.permutation(len(points))
        halves = order[: len(order) // 2], order[len(order) // 2 :]
        for own, other in (halves, halves[::-1]):
            side = two_means(centred(gram[np.ix_(own, own)][None]))[0][0]
            across = gram[np.ix_(other, own)]
            line = (
                across[:, side].mean(1) - across[:, ~side].mean(1) if side.any() else across[:, 0]
            )
            found.append(dip_p(line))
    return min(1.0, 2 * float(np.median(found)))


def points_of(x: ArrayLike) -> Floats:
    """Points "n d" in float64; InputError for another shape, NumericsError for a NaN."""
    points = np.asarray(x, dtype=float)
    if points.ndim != 2 or len(points) == 0:
        raise InputError(f"Points to cluster are [n, d], got the shape {points.shape}.")
    if not np.isfinite(points).all():
        raise NumericsError("A point to cluster is not finite; check the model's number format.")
    return points
