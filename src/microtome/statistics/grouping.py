"""Values by cluster: what is resampled is the cluster, and each weighs the same.

Values of one cluster (the wordings of a scenario, the completions of a problem) are averaged
first. Clusters keep the order in which they are met.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from microtome.errors import InputError, NumericsError
from microtome.statistics.level import Floats

Names = Sequence[Hashable] | None
EQUAL = 1e-9
"""A spread below this share of the largest |value| is rounding."""


@dataclass(frozen=True, eq=False)
class Groups:
    """Cluster of every value "n" by number, the number of values in each, and their names."""

    codes: NDArray[np.intp]
    sizes: Floats
    names: tuple[Hashable, ...]

    def sums(self, values: Floats) -> Floats:
        """Sum of `values` "n" or "n m" per cluster."""
        if values.ndim == 1:
            return np.bincount(self.codes, values, len(self.names)).astype(float)
        found = np.zeros((len(self.names), values.shape[1]))
        np.add.at(found, self.codes, values)
        return found

    def means(self, values: Floats) -> Floats:
        """Mean of `values` "n" or "n m" per cluster."""
        sizes = self.sizes if values.ndim == 1 else self.sizes[:, None]
        means: Floats = self.sums(values) / sizes
        return means


def grouped(clusters: Names, n: int) -> Groups:
    """The clusters that `clusters` names, one name per value; each value its own if None."""
    if clusters is None:
        return Groups(np.arange(n), np.ones(n), tuple(range(1, n + 1)))
    if len(clusters) != n:
        raise InputError(f"{n} values need {n} clusters, got {len(clusters)}.")
    unnamed = sum(isinstance(name, float) and name != name for name in clusters)
    if unnamed:
        raise InputError(f"{unnamed} of the values have no cluster (NaN); name one for each.")
    order = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    codes = np.array([order[name] for name in clusters], dtype=np.intp)
    return Groups(codes, np.bincount(codes).astype(float), tuple(order))


def finite(values: ArrayLike, name: str = "An interval") -> Floats:
    """`values` as a list of finite numbers, or an error that counts the others."""
    numbers = np.asarray(values, dtype=float)
    if numbers.ndim != 1 or numbers.size == 0:
        raise InputError(f"{name} needs a list of values, got shape {numbers.shape}.")
    if not np.isfinite(numbers).all():
        raise NumericsError(f"{int((~np.isfinite(numbers)).sum())} of the values are not finite.")
    return numbers


def inside(values: Floats, within: tuple[float, float]) -> Floats:
    """`values` within the range that the data allow, rounding cut off; InputError beyond it."""
    low, high = within
    if not low < high:
        raise InputError(f"within is a range (low, high), got {within}.")
    slack = 1e-6 * (high - low if np.isfinite(high - low) else float(np.abs(values).max()))
    outside = int(((values < low - slack) | (values > high + slack)).sum())
    if outside:
        raise InputError(f"{outside} of the values lie outside {low:g} to {high:g}.")
    return np.clip(values, low, high)


def all_equal(values: Floats) -> bool:
    """Whether values differ by no more than rounding."""
    return float(np.ptp(values)) <= EQUAL * float(np.abs(values).max())


def same_values(value: float, count: int) -> str:
    """The reason why equal values have no interval."""
    return f"all {count} values are {value:.3g}: nothing is known of their spread"
