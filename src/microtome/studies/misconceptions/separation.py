"""How well features tell the two members apart on pairs they were not chosen on.

AUROC is the probability that a correct member's score is larger than a misconception's, ties one
half. A pair's part in it is its correct member's share of wins plus its misconception's share of
losses, less the AUROC: their mean is the AUROC, and pairs are drawn anew for the interval (DeLong,
DeLong & Clarke-Pearson 1988 for the parts). Where no score errs, the lower end is the one that as
many pairs without an error allow (Clopper and Pearson).
"""

import numpy as np

from microtome.statistics import Floats, Interval, bootstrap_mean, proportion


def auroc(correct: Floats, misconception: Floats) -> float:
    """P(correct > misconception) + P(equal) / 2, over all pairs of members."""
    difference = correct[:, None] - misconception[None, :]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


def auroc_interval(
    correct: Floats, misconception: Floats, *, level: float, resamples: int, seed: int
) -> Interval:
    """AUROC with its interval over pairs, both members of a pair drawn together."""
    n = len(correct)
    value = auroc(correct, misconception)
    if n < 2:
        return Interval(value, None, None, level, n, n)
    if value in (0.0, 1.0):
        certain = proportion(n if value else 0, n, level=level, exact=True)
        return Interval(value, certain.low, certain.high, level, n, n)
    wins = np.sign(correct[:, None] - misconception[None, :]) / 2 + 0.5
    parts = wins.mean(1) + wins.mean(0) - value
    return bootstrap_mean(parts, level=level, resamples=resamples, seed=seed, within=(0.0, 1.0))


def combined(values: Floats, signs: Floats, scale: Floats) -> Floats:
    """One score per member: Σ sign · activation / scale over features."""
    score: Floats = (values / np.where(scale > 0, scale, 1.0)) @ signs
    return score
