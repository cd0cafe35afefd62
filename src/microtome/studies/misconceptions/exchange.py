"""Labels exchanged within pairs: does it matter which member is the correct one?

Exchanging a pair's labels flips the sign of its differences, so the test is of symmetry about 0
(`symmetric_about_0`, max-T over all features), which is what "the labels mean nothing" implies. It
is no test of a mean of 0. The largest |t| of every draw is kept, so the control's exchanged sets,
whose draws are the same, are tested at no further cost.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from microtome.statistics import (
    Columns,
    Floats,
    Level,
    benjamini_hochberg,
    smallest_flip_p,
    symmetric_about_0,
)

DRAWS = 9999
"""Exchanges drawn; all 2^pairs where they are no more."""
TEST = "labels exchanged within pairs: symmetry about 0, max-T"


def exchange(effects: Floats, at: Level) -> Columns:
    """Test every column of paired differences "pair feature"; no pair or feature gives no test."""
    if not effects.size:
        nothing = np.ones(effects.shape[1])
        return Columns(nothing, nothing, 0 * nothing, "symmetric_about_0", 1.0, len(effects),
                       np.zeros(1), np.ones(1), reason="nothing to test")  # fmt: skip
    return symmetric_about_0(effects, at=_drawn(at))


def smallest_p(pairs: int, at: Level) -> float:
    """The least p that exchanging the labels of so many pairs can give."""
    return smallest_flip_p(pairs, _drawn(at))


def claimed_if(tested: Columns, effects: Floats, alpha: float) -> NDArray[np.bool_]:
    """Which features would be claimed with other labels, that is with these paired differences."""
    return np.asarray(tested.p_of(student_t(effects)) <= alpha)


def student_t(effects: Floats) -> Floats:
    """t of each column; 0 where all pairs are equal, as the test has it."""
    spread = effects.std(0, ddof=1) if len(effects) > 1 else np.zeros(effects.shape[1])
    there = spread > 1e-9 * np.abs(effects).max(0, initial=0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(there, effects.mean(0) / (spread / np.sqrt(len(effects))), 0.0)


def q_of(tested: Columns) -> Floats:
    """Benjamini and Hochberg's q from the p-values of single features."""
    return benjamini_hochberg(tested.single)


def _drawn(at: Level) -> Level:
    return replace(at, resamples=DRAWS)
