"""What a cell of the calibration is: data sets drawn by one law, and what is measured of each.

A simulation returns one number per measure: 1 or 0 for a coverage or a claim (nan where there is no
interval), a width otherwise. Cells are drawn in blocks, each with a seed of its own, so that a
killed run goes on where it stopped and every block can be drawn again alone.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

Simulate = Callable[[np.random.Generator], tuple[float, ...]]
BLOCK = 250
"""Simulations of one block."""


@dataclass(frozen=True)
class Measure:
    """A number of a cell: its mean over simulations, or its median (widths).

    `target` is the range that the design gives; a simulated share may leave it by `slack`, a width
    by a tenth.
    """

    name: str
    target: tuple[float, float] | None = None
    median: bool = False
    slack: float = 0.015

    def within(self, measured: float, error: float) -> bool:
        """Whether a measured value agrees with the target, simulation error included."""
        if self.target is None:
            return True
        low, high = self.target
        if self.median:
            return 0.9 * low <= measured <= 1.1 * high
        slack = max(self.slack, 2 * error)
        return low - slack <= measured <= high + slack


@dataclass(frozen=True)
class Cell:
    """One law of data at one size. `bar`: the least coverage (or most claims) that must hold."""

    section: str
    name: str
    n: str
    simulate: Simulate
    measures: tuple[Measure, ...]
    bar: float | None = None
    most: int = 1_000_000

    @property
    def key(self) -> str:
        """The cell's name in the file of results; with it every seed."""
        return f"{self.section} | {self.name} | {self.n}"

    def block(self, number: int) -> np.ndarray:
        """Block `number` of simulations, "simulation measure"."""
        rng = np.random.default_rng([zlib.crc32(self.key.encode()), number])
        return np.array([self.simulate(rng) for _ in range(min(BLOCK, self.most))], dtype=float)


def span(text: str) -> tuple[float, float]:
    """Range that "0.95" or ".93-.98" stands for."""
    low, _, high = text.partition("-")
    return float(low), float(high or low)


def row(
    section: str,
    name: str,
    sizes: Iterable[object],
    targets: str,
    make: Callable[..., Simulate],
    *,
    bar: float | None = None,
    more: Callable[[int], tuple[Measure, ...]] = lambda i: (),
    first: str = "coverage",
    most: int = 1_000_000,
) -> list[Cell]:
    """A row of a table: one cell per size, `targets` in the same order ("" for none)."""
    wanted: list[tuple[float, float] | None] = [span(one) for one in targets.split()]
    sizes = list(sizes)
    wanted = wanted or [None] * len(sizes)
    wanted = wanted * len(sizes) if len(wanted) == 1 else wanted
    cells = []
    for i, (size, target) in enumerate(zip(sizes, wanted, strict=True)):
        measures = (Measure(first, target), *more(i))
        cells.append(Cell(section, name, str(size), make(size), measures, bar, most))
    return cells


def covers(interval: object, truth: float) -> float:
    """1 if the interval holds the truth, 0 if not, nan if there is no interval."""
    ends = interval.ends  # type: ignore[attr-defined]
    return float("nan") if ends is None else float(ends[0] <= truth <= ends[1])


def width(interval: object, unit: float = 1.0) -> float:
    """Width of an interval in units of `unit`; nan if there is none."""
    ends = interval.ends  # type: ignore[attr-defined]
    return float("nan") if ends is None else (ends[1] - ends[0]) / unit
