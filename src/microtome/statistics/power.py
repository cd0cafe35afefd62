"""How likely the test for one cloud is to see two groups: its power for given n, d and distance.

Simulated: two halves of n points of round unit noise in d dimensions whose centres lie `apart`
standard deviations from each other. Few draws of the null per data set would make the test weaker
than with many, so the draws' deviations from their data set's mean are pooled.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from microtome.statistics.cloud import gram_of, null_grams, spectrum, unit_rows
from microtome.statistics.level import Floats
from microtome.statistics.two_means import two_means

APART = (4.0, 6.0, 10.0)
"""Distances in standard deviations of the noise for which a study prints the power."""
_SETS, _DRAWS = 100, 8


@lru_cache(maxsize=1024)
def power_of_one_cloud(
    n: int, d: int, apart: float, *, level: float = 0.05, seed: int = 42
) -> float:
    """Share of 100 simulated data sets of which `one_cloud` says that they are not one cloud."""
    return float(
        np.mean(
            _rejected(n, d, apart, False, level, seed) & _rejected(n, d, apart, True, level, seed)
        )
    )


def two_groups(n: int, d: int, apart: float, rng: np.random.Generator) -> Floats:
    """Points "n d" of unit noise, half of them moved by `apart` along the first axis."""
    points = rng.standard_normal((n, d))
    points[: n // 2, 0] += apart
    return points


def _rejected(
    n: int, d: int, apart: float, unit: bool, level: float, seed: int
) -> NDArray[np.bool_]:
    """Which data sets "set" have an index below the null's quantile at `level`, in one form."""
    rng, draws = np.random.default_rng([seed, n, d]), np.random.default_rng([seed, n, d, 1])
    grams, nulls = list[Floats](), list[Floats]()
    for _ in range(_SETS):
        points = two_groups(n, d, apart, rng)
        points = unit_rows(points) if unit else points
        grams.append(gram_of(points))
        nulls.append(null_grams(spectrum(points), n, _DRAWS, draws))
    seen = two_means(np.concatenate(grams))[1]
    null = two_means(np.concatenate(nulls))[1].reshape(_SETS, _DRAWS)
    middle = null.mean(1)
    around = (null - middle[:, None]) * np.sqrt(_DRAWS / (_DRAWS - 1))
    return np.asarray(seen - middle <= np.quantile(around, level))
