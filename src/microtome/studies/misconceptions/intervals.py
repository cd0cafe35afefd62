"""Student's intervals of many columns at once."""

import numpy as np

from microtome.statistics import Floats


def student(values: Floats, level: float) -> tuple[Floats, Floats, Floats]:
    """Mean, low and high of each column "n m"; one row alone gives no width."""
    from scipy import stats

    n = len(values)
    mean = values.mean(0)
    if n < 2:
        return mean, mean, mean
    reach = stats.t.ppf((1 + level) / 2, n - 1) * values.std(0, ddof=1) / np.sqrt(n)
    return mean, mean - reach, mean + reach
