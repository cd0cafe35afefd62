"""How well features tell the two members apart on pairs they were not chosen on.

AUROC is the probability that a correct member's score is larger than a misconception's, ties one
half. Its interval comes from drawing pairs anew; where no drawn set ever errs, the lower end is
the one that as many pairs without an error allow (Clopper and Pearson). A feature of the
misconception's side is counted with its sign turned.
"""

import numpy as np

from microtome.statistics import Floats, Interval, proportion


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
    wins = np.sign(correct[:, None] - misconception[None, :]) / 2 + 0.5
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(n, np.full(n, 1 / n), size=resamples) / n
    found = np.einsum("ri,ij,rj->r", drawn, wins, drawn, optimize=True)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    if value in (0.0, 1.0):
        certain = proportion(n if value else 0, n, level=level, exact=True)
        low, high = min(low, certain.low or 0.0), max(high, certain.high or 1.0)
    return Interval(value, float(low), float(high), level, n, n)


def combined(values: Floats, signs: Floats, scale: Floats) -> Floats:
    """One score per member: Σ sign · activation / scale over features."""
    score: Floats = (values / np.where(scale > 0, scale, 1.0)) @ signs
    return score
