"""Executors: who computes the units.

An executor is handed a study, a step and the units that are missing, and yields each product as
it is done, in any order. It loads the study's warm resources once, when the first unit asks.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from microtome.lab.study import Product, Step, Study, Unit


@dataclass(frozen=True)
class Done:
    """A computed unit and the seconds it took."""

    unit: Unit
    product: Product
    seconds: float


class Executor(Protocol):
    """Maps a step over units; what it yields is committed at once by the caller."""

    def map(self, study: Study, step: Step, units: Sequence[Unit]) -> Iterator[Done]:
        """Yield every unit's product, in any order."""
        ...


@dataclass
class Local:
    """One process, one unit after the other."""

    _warm: list[Any] = field(default_factory=list)

    def map(self, study: Study, step: Step, units: Sequence[Unit]) -> Iterator[Done]:
        """Yield every unit's product, in order."""
        for unit in units:
            if not self._warm:
                self._warm.append(study.warm())
            start = time.perf_counter()
            product = step.compute(unit, self._warm[0], study)
            yield Done(unit, product, time.perf_counter() - start)
