"""Smallest effects of interest: what the study's claims would like to have seen, each in its unit.

A claim whose interval holds both its null and this effect is inconclusive (docs/sampling.md).
"""

SPREAD = 0.01
"""Variance between completions over mean |z|²: states a tenth of their length apart."""
CHANGE = 0.25
"""Change of a variance, as a share of what it was, or of its factor beside 1."""
DISTANCE = 0.05
"""Difference of two distances, in units of √mean|z|² or |z*|."""
LOGITS = 0.1
"""Difference of two contributions to a logit difference: the odds change by a tenth."""
SHARE = 0.1
"""Share of problems, solutions, forks or pairs beyond the share of the null."""
AGREEMENT = 0.1
"""Adjusted Rand index beyond 0."""


def part_of(size: float) -> float:
    """Smallest change of interest of a variance of this size; 1 where it is 0."""
    return CHANGE * abs(size) or 1.0
