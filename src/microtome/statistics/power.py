"""How likely the test for one cloud is to see two groups: its power for given n, d and distance.

Simulated: two halves of n points of round unit noise in d dimensions whose centres lie `apart`
standard deviations from each other. With fewer draws of the null than the test itself takes, the
power comes out a little low.
"""

from functools import lru_cache
from math import ceil

import numpy as np

from microtome.statistics.cloud import larger_p
from microtome.statistics.level import Floats

APART = (4.0, 6.0, 10.0)
"""Distances in standard deviations of the noise for which a study prints the power."""
_SETS = 50


@lru_cache(maxsize=1024)
def power_of_one_cloud(
    n: int, d: int, apart: float, *, level: float = 0.05, seed: int = 42
) -> float:
    """Share of 50 simulated data sets of which `one_cloud` says that they are not one cloud."""
    rng, draws = np.random.default_rng([seed, n, d]), ceil(3 / level) - 1
    seen = [larger_p(two_groups(n, d, apart, rng), draws, i) <= level for i in range(_SETS)]
    return float(np.mean(seen))


def two_groups(n: int, d: int, apart: float, rng: np.random.Generator) -> Floats:
    """Points "n d" of unit noise, half of them moved by `apart` along the first axis."""
    points = rng.standard_normal((n, d))
    points[: n // 2, 0] += apart
    return points
