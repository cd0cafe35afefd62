"""Sign flips over pairs, for thousands of features at once and without their flips in memory.

Under the null a pair's labels are as good as exchanged, which flips the sign of its differences.

    max-T    every feature's |t| against the largest |t| of each flip: P(any false claim) ≤ level
    single   every feature against its own flips, for Benjamini and Hochberg's q

Flips go through in blocks. The largest |t| of every flip is kept, so a relabelled set of the same
pairs, whose flips are the same, is tested at no further cost. Westfall & Young 1993.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from microtome.statistics import Floats, benjamini_hochberg

FLIPS = 10_000
_BLOCK = 256
_CLOSE = 1 - 1e-9
"""Mirrored flips give equal statistics up to rounding; they count as reaching the observed one."""


@dataclass(frozen=True, eq=False)
class SignFlips:
    """What flipping signs says of `effects` "pair feature".

    `largest` is the largest |t| of every flip, sorted; `exact` when all 2^pairs were taken.
    """

    effects: Floats
    t: Floats
    p_single: Floats
    largest: Floats
    exact: bool

    @property
    def p_max_t(self) -> Floats:
        """Corrected over all features."""
        return self.p_of(self.t)

    @property
    def q(self) -> Floats:
        """Benjamini and Hochberg's, from the single p-values."""
        return benjamini_hochberg(self.p_single) if len(self.p_single) else self.p_single

    def claimed_if(self, signs: NDArray[np.float64], alpha: float) -> NDArray[np.bool_]:
        """Which features the same test would claim with these labels exchanged."""
        return np.asarray(self.p_of(t_of(signs[None], self.effects)[0]) <= alpha)

    def p_of(self, t: Floats) -> Floats:
        """p-values by max-T of statistics of these pairs."""
        reached = len(self.largest) - np.searchsorted(self.largest, np.abs(t) * _CLOSE)
        return _share(reached.astype(float), len(self.largest), self.exact, t)


def sign_flips(effects: Floats, *, flips: int = FLIPS, seed: int = 42) -> SignFlips:
    """Test every column of `effects` "pair feature" for a mean of 0."""
    pairs, features = effects.shape
    observed = t_of(np.ones((1, pairs)), effects)[0]
    exact = 2**pairs <= flips
    reached = np.zeros(features)
    largest = []
    for block in _blocks(pairs, flips, exact, seed):
        t = np.abs(t_of(block, effects))
        reached += (t >= np.abs(observed) * _CLOSE).sum(0)
        largest.append(t.max(1, initial=0.0))
    kept = np.sort(np.concatenate(largest))
    return SignFlips(effects, observed, _share(reached, len(kept), exact, observed), kept, exact)


def _share(reached: Floats, flips: int, exact: bool, t: Floats) -> Floats:
    """p-values; the observed labels count as one of the flips where not all were taken."""
    p = reached / flips if exact else (reached + 1) / (flips + 1)
    return np.where(t == 0, 1.0, p)


def smallest_p(pairs: int, flips: int = FLIPS) -> float:
    """The smallest p-value that flipping the signs of so many pairs can give."""
    return min(1.0, 2.0 / 2**pairs) if 2**pairs <= flips else 1.0 / (flips + 1)


def t_of(signs: NDArray[np.float64], effects: Floats) -> Floats:
    """Student's t "flip feature" of the effects with the signs of their pairs flipped."""
    pairs = len(effects)
    total = signs @ effects
    squares = (effects**2).sum(0)
    # sum((x − mean)²) = sum(x²) − total² / n, whatever the signs. Below 1e-12 of the squares that
    # is rounding, which differs between blocks and would part what is equal.
    spread = np.sqrt(np.maximum(squares - total**2 / pairs, 1e-12 * squares))
    with np.errstate(invalid="ignore", divide="ignore"):
        t: Floats = total / spread * np.sqrt((pairs - 1) / pairs)
    return np.nan_to_num(t, nan=0.0)


def _blocks(pairs: int, flips: int, exact: bool, seed: int) -> Iterator[NDArray[np.float64]]:
    if exact:
        every = product((1.0, -1.0), repeat=pairs)
        while block := list(islice(every, _BLOCK)):
            yield np.array(block)
        return
    rng = np.random.default_rng(seed)
    for start in range(0, flips, _BLOCK):
        yield rng.choice((1.0, -1.0), size=(min(_BLOCK, flips - start), pairs))
