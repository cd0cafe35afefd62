"""How well features tell the two members apart on pairs they were not chosen on: AUROC.

AUROC is the probability that a correct member's score is larger than a misconception's, ties one
half; both members of a pair stand or fall together.
"""

import numpy as np

from microtome.statistics import Floats, Interval, Level, auroc
from microtome.statistics.separation import placements


def value(correct: Floats, misconception: Floats) -> float:
    """P(correct > misconception) + P(equal) / 2, over all pairs of members."""
    scores, right = _together(correct, misconception)
    return float(placements(scores, right)[right].mean())


def interval(correct: Floats, misconception: Floats, at: Level) -> Interval:
    """The same with its interval over pairs."""
    return auroc(*_together(correct, misconception), [*range(len(correct))] * 2, at)


def combined(values: Floats, signs: Floats, scale: Floats) -> Floats:
    """One score per member: Σ sign · activation / scale over features."""
    score: Floats = (values / np.where(scale > 0, scale, 1.0)) @ signs
    return score


def _together(correct: Floats, misconception: Floats) -> tuple[Floats, np.ndarray]:
    return np.concatenate([correct, misconception]), np.arange(2 * len(correct)) < len(correct)
