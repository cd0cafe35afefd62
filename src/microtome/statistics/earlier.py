"""Intervals and tests for values that come in clusters (many wordings of one scenario).

Bootstrap: clusters are drawn with replacement and the statistic is studentised by its linearised
standard error (bootstrap-t), because a percentile interval of few clusters is too short.
Fewer than six clusters have too few different draws: there the error times Student's t serves.
Permutation: signs are flipped per cluster and every statistic is compared with the largest of its
family (max-T), which bounds the chance of one false claim anywhere.
Cameron, Gelbach & Miller 2008, "Bootstrap-based improvements for inference with clustered errors";
Westfall & Young 1993, "Resampling-based multiple testing".
"""

from collections.abc import Hashable, Sequence
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError, NumericsError
from microtome.statistics.interval import Interval

Floats = NDArray[np.float64]
_FEWEST_TO_RESAMPLE = 6


def bootstrap_mean(
    values: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 4000,
    seed: int = 42,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Mean of `values` [n] with an interval over `clusters` [n] (each value its own if None).

    `within` is the range of possible means, (0, 1) for a probability: the interval is cut to it.
    """
    numbers = _finite(values)
    ones = np.ones_like(numbers)
    return bootstrap_ratio(
        numbers, ones, clusters, level=level, resamples=resamples, seed=seed, within=within
    )


def bootstrap_ratio(
    numerator: ArrayLike,
    denominator: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.95,
    resamples: int = 4000,
    seed: int = 42,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """mean(numerator) / mean(denominator), both [n], with an interval over `clusters` [n]."""
    top, bottom = _finite(numerator), _finite(denominator)
    if top.shape != bottom.shape:
        raise InputError(f"A ratio needs equal lengths, got {len(top)} and {len(bottom)} values.")
    if bottom.sum() == 0:
        raise NumericsError("The ratio of means has a denominator whose mean is 0.")
    codes, n_clusters = _codes(clusters, len(top))
    tops: Floats = np.bincount(codes, top, n_clusters).astype(float)
    bottoms: Floats = np.bincount(codes, bottom, n_clusters).astype(float)
    value = float(top.sum() / bottom.sum())
    low, high = _studentised(tops, bottoms, value, level, resamples, seed)
    if low is not None and high is not None:
        low, high = (min(max(end, within[0]), within[1]) for end in (low, high))
    return Interval(value, low, high, level, len(top), n_clusters)


def _studentised(
    tops: Floats, bottoms: Floats, value: float, level: float, resamples: int, seed: int
) -> tuple[float | None, float | None]:
    count = len(tops)
    if count < 2:
        return None, None
    error = float(_standard_error(tops[None], bottoms[None])[0])
    if error == 0:
        return value, value
    if count < _FEWEST_TO_RESAMPLE:
        from scipy import stats

        reach = float(stats.t.ppf((1 + level) / 2, count - 1)) * error
        return value - reach, value + reach
    rng = np.random.default_rng(seed)
    drawn = rng.integers(count, size=(resamples, count))
    top, bottom = tops[drawn], bottoms[drawn]
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (top.sum(1) / bottom.sum(1) - value) / _standard_error(top, bottom)
    # A draw of one cluster only has no error; it says nothing about the spread.
    t = t[np.isfinite(t)]
    low, high = np.quantile(t, [(1 + level) / 2, (1 - level) / 2])
    return float(value - low * error), float(value - high * error)


def _standard_error(tops: Floats, bottoms: Floats) -> Floats:
    """Of sum(tops) / sum(bottoms) over the last axis, linearised."""
    count = tops.shape[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = tops.sum(-1) / bottoms.sum(-1)
        rest = (tops - ratio[..., None] * bottoms) / bottoms.mean(-1, keepdims=True)
    spread: Floats = np.sqrt((rest**2).sum(-1) / (count - 1) / count)
    # Equal clusters leave a rest of rounding errors, which is no spread.
    spread[spread < 1e-12 * (1 + np.abs(ratio))] = 0.0
    return spread


def sign_flip(
    effects: ArrayLike,
    clusters: Sequence[Hashable] | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 42,
) -> Floats:
    """p-value [m] of each column of `effects` [n, m] having mean 0, corrected by max-T.

    Under the null the signs of a cluster are as good as flipped. All 2^clusters flips are taken
    when they are fewer than `resamples`, so the smallest p-value is then 2 / 2^clusters.
    """
    values = np.atleast_2d(np.asarray(effects, dtype=float))
    if not np.isfinite(values).all():
        raise NumericsError("A permutation test was given effects that are not finite.")
    codes, n_clusters = _codes(clusters, len(values))
    sums = np.zeros((n_clusters, values.shape[1]))
    np.add.at(sums, codes, values)
    flips, exact = _flips(n_clusters, resamples, seed)
    observed = _t(np.ones((1, n_clusters)), sums)[0]
    largest = _t(flips, sums).max(axis=1)
    # Mirrored flips give equal statistics up to rounding: they count as reaching the observed one.
    reached = (largest[:, None] >= observed * (1 - 1e-9)).sum(axis=0)
    p: Floats = reached / len(flips) if exact else (reached + 1) / (len(flips) + 1)
    return np.where(observed == 0, 1.0, p)


def _flips(n_clusters: int, resamples: int, seed: int) -> tuple[Floats, bool]:
    if 2**n_clusters <= resamples:
        return np.array(list(product((1.0, -1.0), repeat=n_clusters))), True
    rng = np.random.default_rng(seed)
    return rng.choice((1.0, -1.0), size=(resamples, n_clusters)), False


def _t(flips: Floats, sums: Floats) -> Floats:
    """|t| [flips, m] of cluster sums [clusters, m] under every flip [flips, clusters]."""
    total = np.abs(flips @ sums)
    squares = (sums**2).sum(axis=0)
    count = len(sums)
    # sum((s - mean)^2) = sum(s^2) - total^2 / count, whatever the signs. Below 1e-12 of the squares
    # that is rounding, which differs between flips and would part what is equal.
    spread = np.sqrt(np.maximum(squares - total**2 / count, 1e-12 * squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        t: Floats = total / spread
    return np.nan_to_num(t, nan=0.0)


def proportion(
    successes: int, trials: int, *, level: float = 0.95, exact: bool = False
) -> Interval:
    """successes / trials with Wilson's interval, or Clopper and Pearson's when `exact`."""
    from scipy import stats

    if not 0 <= successes <= trials or trials == 0:
        raise InputError(f"A proportion needs 0 <= successes <= trials, got {successes}/{trials}.")
    test = stats.binomtest(successes, trials)
    found = test.proportion_ci(level, method="exact" if exact else "wilson")
    return Interval(successes / trials, float(found.low), float(found.high), level, trials, trials)


def _finite(values: ArrayLike) -> Floats:
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or numbers.size == 0:
        raise InputError(f"An interval needs a list of values, got shape {numbers.shape}.")
    if not np.isfinite(numbers).all():
        raise NumericsError(f"{int((~np.isfinite(numbers)).sum())} of the values are not finite.")
    return numbers


def _codes(clusters: Sequence[Hashable] | None, n: int) -> tuple[NDArray[np.intp], int]:
    if clusters is None:
        return np.arange(n), n
    if len(clusters) != n:
        raise InputError(f"{n} values need {n} clusters, got {len(clusters)}.")
    order = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    return np.array([order[name] for name in clusters]), len(order)
