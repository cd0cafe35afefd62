"""How far the latents of one prompt's completions spread, and how far they are from another.

A latent z_i is the mean state over a completion's pooled tokens. Its total variance

    tr Cov = Σ |z_i − z̄|² / (n − 1)  ≈  between completions  +  (token variance) / |S|

falls as 1/|S| even where completions do not differ at all. Pooling odd and even members of S
apart leaves the first part alone, as the errors of the two halves are independent:

    split half = Σ (o_i − ō)·(e_i − ē) / (n − 1)  ≈  between completions

Effective rank: Roy & Vetterli 2007. EigenScore: Chen et al. 2024, arXiv 2402.03744.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError, NumericsError
from microtome.statistics import Interval, Level, mean

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Spread:
    """A variance per layer, with what each completion adds to it.

    `value` is "layer"; `pseudo` "layer n" holds the jackknife's pseudo-values, whose mean is the
    value (both statistics are U-statistics) and whose spread gives its interval.
    """

    value: Floats
    pseudo: Floats
    least: float = -np.inf
    """The smallest value that is possible; intervals end there."""

    def interval(self, layer: int, at: Level = Level()) -> Interval:  # noqa: B008
        """The value of one layer with its interval over completions.

        Of a tr Cov 0.94 to 0.97 of such intervals at 0.95 held the truth in simulations with 12
        to 64 completions, of a split half 0.95 to 0.98; where latents are multivariate t with 3
        degrees of freedom 0.78 to 0.86 (0.97 to 0.98 of a split half of 0).
        """
        found = mean(self.pseudo[layer], at=at)
        if found.low is None:
            return found
        return replace(found, low=max(found.low, self.least))


def total_variance(z: ArrayLike) -> Spread:
    """tr Cov, unbiased, of latents "layer n d", in squared units of the residual stream.

    InputError for fewer than three completions, NumericsError for a NaN.
    """
    centred = _centred(z)
    return _spread((centred**2).sum(-1), least=0.0)


def split_half(odd: ArrayLike, even: ArrayLike) -> Spread:
    """tr Cov(odd, even) of half latents "layer n d": the variance between completions alone.

    It is unbiased and so may be negative where the truth is 0.
    """
    one, other = _centred(odd), _centred(even)
    if one.shape != other.shape:
        raise InputError(f"The halves differ in shape: {one.shape} and {other.shape}.")
    return _spread((one * other).sum(-1))


def other_halves(odd: ArrayLike, even: ArrayLike) -> Floats:
    """Covariance "layer" of halves "layer n d" of different completions, which is 0 but for chance.

    Centring alone would leave it at −split half / (n − 1), which is added back.
    """
    one, other = _centred(odd), np.roll(_centred(even), 1, axis=1)
    n = one.shape[1]
    apart: Floats = (one * other).sum((1, 2)) / (n - 1)
    return apart + split_half(odd, even).value / (n - 1)


def _spread(shares: Floats, least: float = -np.inf) -> Spread:
    """From the summands [layer, n]; leaving i out of a sum of products takes n/(n−1) of its own."""
    n = shares.shape[-1]
    total = shares.sum(-1, keepdims=True)
    without = (total - n / (n - 1) * shares) / (n - 2)
    value = total / (n - 1)
    return Spread(value[..., 0], n * value - (n - 1) * without, least)


def pooling_error(odd: ArrayLike, even: ArrayLike) -> Floats:
    """Squared error "layer" of one latent as a mean over its tokens: mean |o_i − e_i|² / 4."""
    gap = _latents(odd) - _latents(even)
    error: Floats = (gap**2).sum(-1).mean(-1) / 4
    return error


def effective_rank(z: ArrayLike) -> Floats:
    """exp(entropy of the covariance's spectrum), "layer": 1 for a line, at most n − 1."""
    spectrum = _spectrum(_centred(z))
    total = spectrum.sum(-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(total > 0, spectrum / total, 0.0)
        entropy = -np.where(share > 0, share * np.log(share), 0.0).sum(-1)
    rank: Floats = np.exp(entropy)
    return rank


def eigenscore(z: ArrayLike, *, alpha: float = 1e-3) -> Floats:
    """Mean log eigenvalue, "layer", of the n × n covariance of completions plus alpha·I.

    As published: each latent is centred over its own features, not over completions, so the score
    moves with the size of the states as well as with their spread.
    """
    latents = _latents(z)
    centred = latents - latents.mean(-1, keepdims=True)
    score: Floats = np.log(_spectrum(centred) + alpha).mean(-1)
    return score


def _spectrum(centred: Floats) -> Floats:
    """Eigenvalues "layer n" of the Gram matrix, which are the covariance's own up to zeros."""
    gram = centred @ centred.swapaxes(-1, -2)
    values: Floats = np.clip(np.linalg.eigvalsh(gram), 0, None)
    floor = values.max(-1, keepdims=True) * gram.shape[-1] * np.finfo(float).eps
    return np.where(values > floor, values, 0.0)


@dataclass(frozen=True, eq=False)
class Components:
    """Variance within prompts and between them, "layer" each, from a one-way layout."""

    within: Floats
    between: Floats

    @property
    def relative(self) -> Floats:
        """within / (within + between): 1 if prompts do not matter, 0 if completions do not."""
        whole = self.within + self.between
        with np.errstate(divide="ignore", invalid="ignore"):
            share: Floats = np.where(whole > 0, self.within / whole, np.nan)
        return share


def variance_components(means: ArrayLike, within: ArrayLike, counts: ArrayLike) -> Components:
    """From prompt means "prompt layer d", tr Cov "prompt layer" and completions "prompt".

    The spread of prompt means holds within/n of the completions' own, which is taken off; where
    more is taken off than there is, between is 0.
    """
    centres, own = np.asarray(means, float), np.asarray(within, float)
    if len(centres) < 2:
        raise InputError("Variance between prompts needs at least two prompts.")
    n = np.asarray(counts, float)[:, None]
    spread = total_variance_of_means(centres)
    between = np.clip(spread - (own / n).mean(0), 0, None)
    return Components(own.mean(0), between)


def total_variance_of_means(means: Floats) -> Floats:
    """tr Cov "layer" of prompt means "prompt layer d", for two prompts or more."""
    centred = means - means.mean(0)
    spread: Floats = (centred**2).sum(-1).sum(0) / (len(means) - 1)
    return spread


def distances(z: ArrayLike, target: ArrayLike) -> Floats:
    """Euclidean distance "layer n" of latents "layer n d" from one latent "layer d"."""
    away: Floats = np.linalg.norm(_latents(z) - np.asarray(target, float)[:, None], axis=-1)
    return away


def pair_distances(z: ArrayLike) -> Floats:
    """Distance "layer pair" of every two completions."""
    latents = _latents(z)
    i, j = np.triu_indices(latents.shape[1], 1)
    apart: Floats = np.linalg.norm(latents[:, i] - latents[:, j], axis=-1)
    return apart


def percentiles(values: ArrayLike, reference: ArrayLike) -> Floats:
    """Share "layer n" of reference values "layer m" that lie below each value; ties count half."""
    own, other = np.asarray(values, float), np.asarray(reference, float)
    below = (other[:, None] < own[..., None]).mean(-1)
    equal = (other[:, None] == own[..., None]).mean(-1)
    share: Floats = below + equal / 2
    return share


def scale(z: ArrayLike) -> Floats:
    """√mean |z|², "layer": the length by which distances become comparable across layers."""
    size: Floats = np.sqrt((_latents(z) ** 2).sum(-1).mean(-1))
    return size


def _latents(z: ArrayLike) -> Floats:
    latents = np.asarray(z, dtype=float)
    if latents.ndim != 3:
        raise InputError(f"Latents are [layer, completion, d], got the shape {latents.shape}.")
    if not np.isfinite(latents).all():
        raise NumericsError("Latents hold a NaN or an infinity; check the model's number format.")
    return latents


def _centred(z: ArrayLike) -> Floats:
    latents = _latents(z)
    if latents.shape[1] < 3:
        raise InputError(
            f"A variance needs at least three completions, got {latents.shape[1]}; sample more."
        )
    centred: Floats = latents - latents.mean(1, keepdims=True)
    return centred
