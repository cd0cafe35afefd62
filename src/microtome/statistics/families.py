"""Which of a run's claims are discoveries: one false-discovery rate, families kept together.

A family (20 heads, 36 components) enters with one p, the smallest of its max-T p-values; claims
whose floor is above the level cannot be decided and are not counted, since that is known before
the data. Benjamini & Hochberg 1995 over what is left; inside the R chosen of m families the level
is level · R / m (Benjamini & Bogomolov 2014).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError
from microtome.statistics.level import Floats


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """q-values [m]: reject those up to q to keep the expected share of false ones at q."""
    from scipy import stats

    p = np.asarray(p_values, dtype=float)
    if not ((p >= 0) & (p <= 1)).all():
        raise InputError("p-values lie in 0 to 1; leave out tests that gave none (NaN).")
    adjusted: Floats = stats.false_discovery_control(p) if p.size else p
    return adjusted


@dataclass(frozen=True, eq=False)
class Family:
    """p-values corrected within a family (one for a single claim), and the least it can give."""

    p: tuple[float, ...]
    floor: float = 0.0


@dataclass(frozen=True)
class Decisions:
    """q per family, the members claimed in each, and the families that cannot be decided."""

    q: Mapping[str, float]
    claimed: Mapping[str, tuple[int, ...]]
    undecidable: tuple[str, ...]


def decide(families: Mapping[str, Family], rate: float = 0.05) -> Decisions:
    """Benjamini-Hochberg over families by name, then the level rate · R / m inside the chosen."""
    undecidable = tuple(
        name
        for name, one in families.items()
        if not one.p or one.floor > rate or np.isnan(one.p).any()
    )
    names = [name for name in families if name not in undecidable]
    q = dict(zip(names, benjamini_hochberg([min(families[n].p) for n in names]), strict=True))
    chosen = [name for name in names if q[name] <= rate]
    inside = rate * len(chosen) / max(1, len(names))
    claimed = {
        name: tuple(i for i, p in enumerate(families[name].p) if p <= inside) for name in chosen
    }
    return Decisions({name: float(q[name]) for name in names}, claimed, undecidable)
