"""How sure an interval is to be, and the bootstrap's draws that go with it.

Up to seven clusters every multiset of clusters is listed with its multinomial probability (1,716
of them for seven), so that nothing is random; from eight on `resamples` are drawn by `seed`. The
draws depend on the number of clusters and the Level alone: equal data give equal intervals.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import combinations_with_replacement
from math import factorial, prod
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray

from microtome.errors import InputError

Floats = NDArray[np.float64]
MOST_ENUMERATED = 7
_MOST_KEPT = 256
"""Clusters up to which draws stay in memory for the next interval."""


@dataclass(frozen=True)
class Level:
    """Confidence `level` in (0, 1), number of bootstrap `resamples`, and their `seed`."""

    level: float = 0.95
    resamples: int = 1999
    seed: int = 42

    def __post_init__(self) -> None:
        if isinstance(self.level, bool) or not isinstance(self.level, Real):
            raise InputError(f"level is a confidence such as 0.95; got {self.level!r}.")
        if not 0 < self.level < 1:
            raise InputError(
                f"level is a confidence between 0 and 1, such as 0.95; got {self.level}."
            )
        if isinstance(self.resamples, bool) or not isinstance(self.resamples, Integral):
            raise InputError(f"resamples is a whole number, got {self.resamples!r}.")
        if self.resamples < 99:
            raise InputError(f"resamples must be at least 99, got {self.resamples}.")
        if isinstance(self.seed, bool) or not isinstance(self.seed, Integral) or self.seed < 0:
            raise InputError(f"seed is a whole number from 0 on, got {self.seed!r}.")

    @property
    def alpha(self) -> float:
        """1 − level."""
        return 1 - self.level


@dataclass(frozen=True, eq=False)
class Draws:
    """Clusters of each draw "draw cluster" by index, and the probability "draw" of each.

    `listed` if they are all there are; else one more, unseen draw of probability 1 / (draws + 1)
    counts as the most extreme.
    """

    index: NDArray[np.integer]
    weight: Floats
    listed: bool

    def counts(self, part: slice) -> Floats:
        """How often each cluster is in each of some draws, "draw cluster"."""
        if self.index.shape[1] <= _MOST_KEPT:
            return self._all_counts[part]
        return _counts(self.index[part])

    @cached_property
    def _all_counts(self) -> Floats:
        return _counts(self.index)


def _counts(index: NDArray[np.integer]) -> Floats:
    n = index.shape[1]
    flat = index + n * np.arange(len(index))[:, None]
    return np.bincount(flat.ravel(), minlength=n * len(index)).reshape(-1, n).astype(float)


def draws(n: int, at: Level) -> Draws:
    """The bootstrap's draws of `n` clusters at a Level."""
    if n <= MOST_ENUMERATED:
        return _listed(n)
    return _kept(n, at) if n <= _MOST_KEPT else _drawn(n, at)


@lru_cache(maxsize=8)
def _kept(n: int, at: Level) -> Draws:
    return _drawn(n, at)


def _drawn(n: int, at: Level) -> Draws:
    rng = np.random.default_rng(at.seed)
    index = rng.integers(n, size=(at.resamples, n), dtype=np.int32)
    return Draws(index, np.full(at.resamples, 1 / (at.resamples + 1)), False)


@lru_cache(maxsize=MOST_ENUMERATED)
def _listed(n: int) -> Draws:
    index = np.array(list(combinations_with_replacement(range(n), n)), dtype=np.intp)
    counts = (index[:, :, None] == np.arange(n)).sum(1)
    ways = [factorial(n) / prod(factorial(int(c)) for c in row) for row in counts]
    return Draws(index, np.array(ways) / float(n) ** n, True)
