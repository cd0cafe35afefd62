"""The smallest mean that n clusters would show with a given power: are there enough of them?

Student's two-sided test of values of a known spread; exact by the noncentral t.
"""

from math import inf, sqrt

from microtome.statistics.level import Level

POWER = 0.8
"""Power that counts as enough."""
_MOST = 1e3
"""Standard errors beyond which no mean is looked for."""


def detectable(spread: float, n: int, at: Level = Level(), power: float = POWER) -> float:  # noqa: B008
    """The least mean that is significant in a share `power` of samples of n; inf below n = 2.

    `spread` is the standard deviation of single clusters.
    """
    from scipy.optimize import brentq
    from scipy.stats import nct, t

    if n < 2:
        return inf
    limit = float(t.ppf(1 - at.alpha / 2, n - 1))

    def missing(errors: float) -> float:
        return float(nct.sf(limit, n - 1, errors) + nct.cdf(-limit, n - 1, errors)) - power

    return float(brentq(missing, 0.0, _MOST)) * spread / sqrt(n)
