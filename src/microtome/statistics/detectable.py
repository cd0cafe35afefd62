"""The smallest mean that n clusters would show with a given power: are there enough of them?

Student's two-sided test at a known spread. Its power is averaged over quantiles of the sample's
own standard deviation, which stays exact where the noncentral t of libraries does not converge.
"""

from math import inf, sqrt

import numpy as np

from microtome.statistics.level import Level

POWER = 0.8
"""Power that counts as enough."""
_QUANTILES = (np.arange(2000) + 0.5) / 2000


def detectable(spread: float, n: int, at: Level = Level(), power: float = POWER) -> float:  # noqa: B008
    """The least mean that is significant in a share `power` of samples of n; inf below n = 2.

    `spread` is the standard deviation of single clusters.
    """
    from scipy.optimize import brentq
    from scipy.stats import chi2, norm, t

    if n < 2:
        return inf
    sample = np.sqrt(chi2.ppf(_QUANTILES, n - 1) / (n - 1))
    limit = float(t.ppf(1 - at.alpha / 2, n - 1)) * sample

    def missing(errors: float) -> float:
        return float((norm.sf(limit - errors) + norm.cdf(-limit - errors)).mean()) - power

    most = 1.0
    while missing(most) < 0:
        most *= 2
    return float(brentq(missing, 0.0, most)) * spread / sqrt(n)
