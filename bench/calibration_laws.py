"""Laws that clusters are drawn from, each with its mean."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Rng = np.random.Generator


@dataclass(frozen=True)
class Law:
    """`draw(rng, n)` gives n cluster values of mean `mean`."""

    name: str
    mean: float
    draw: Callable[[Rng, int], np.ndarray]


def _now_and_then(rng: Rng, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.2, 5.0, rng.normal(0, 0.3, n))


def _rare_and_large(rng: Rng, n: int) -> np.ndarray:
    return rng.uniform(0.5, 1.5, n) * np.where(rng.random(n) < 0.1, 100.0, 1.0)


NORMAL = Law("normal", 0.0, lambda rng, n: rng.normal(size=n))
T3 = Law("t3", 0.0, lambda rng, n: rng.standard_t(3, n))
EXPONENTIAL = Law("exponential", 1.0, lambda rng, n: rng.exponential(size=n))
LOGNORMAL = Law("lognormal(1)", float(np.exp(0.5)), lambda rng, n: rng.lognormal(size=n))
SOMETIMES = Law("20 % at 5, else N(0, 0.3)", 1.0, _now_and_then)
RARE = Law("10 % a hundred times the rest", 0.9 + 0.1 * 100, _rare_and_large)


def items(p: np.ndarray, sizes: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Yes/no items "item" and their clusters, each cluster with its own probability and size."""
    clusters = np.repeat(np.arange(len(p)), sizes)
    return (rng.random(len(clusters)) < p[clusters]).astype(float), clusters


def with_one_of_60(n: int) -> np.ndarray:
    """Sizes of n clusters: fives, and one of 60."""
    return np.array([60] + [5] * (n - 1))
