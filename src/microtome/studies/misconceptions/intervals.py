"""Student's intervals of many columns at once, and shares of prompts over pairs."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from microtome.statistics import Floats, Interval, bootstrap_mean, proportion
from microtome.studies.misconceptions.configuration import Configuration


def student(values: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high of each column "n m"; one row alone gives no width."""
    from scipy import stats

    n = len(values)
    mean = values.mean(0)
    if n < 2:
        return mean, mean, mean
    reach = stats.t.ppf((1 + level) / 2, n - 1) * values.std(0, ddof=1) / np.sqrt(n)
    return mean, mean - reach, mean + reach


def share_over_pairs(holds: ArrayLike, pairs: Sequence[str], study: Configuration) -> Interval:
    """Share of prompts for which something holds; members of a pair share words and count as one.

    Where it holds for all or for none, Clopper and Pearson's bound for as many pairs.
    """
    values, count = np.asarray(holds, float), len(set(pairs))
    if count > 1 and values.mean() in (0.0, 1.0):
        sure = proportion(int(values[0]) * count, count, level=study.level, exact=True)
        return replace(sure, n=len(values))
    return bootstrap_mean(
        values, pairs, level=study.level, resamples=study.resamples, seed=study.seed, within=(0, 1)
    )
