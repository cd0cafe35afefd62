"""What the calibration found: cell by cell against the design's figures, and as a page of docs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.calibration_cells import Cell, Measure

Blocks = Mapping[str, Mapping[int, dict]]


@dataclass(frozen=True)
class Measured:
    """A measure of a cell over all its blocks, with the simulation's standard error."""

    cell: Cell
    measure: Measure
    value: float
    error: float
    count: int

    @property
    def agrees(self) -> bool:
        """Whether it agrees with the target."""
        return self.measure.within(self.value, self.error)


def measured(cells: Sequence[Cell], blocks: Blocks) -> list[Measured]:
    """Every measure of the cells that were simulated."""
    found = []
    for cell in cells:
        parts = list(blocks.get(cell.key, {}).values())
        for i, measure in enumerate(cell.measures):
            counts = np.array([part["count"][i] for part in parts], dtype=float)
            if counts.sum() == 0:
                continue
            kind = "median" if measure.median else "mean"
            value = float(np.average([part[kind][i] for part in parts], weights=counts))
            error = float(np.sqrt(max(value * (1 - value), 0.0) / counts.sum()))
            found.append(Measured(cell, measure, value, error, int(counts.sum())))
    return found


def compared(cells: Sequence[Cell], blocks: Blocks) -> list[str]:
    """One line per measure: the cell, what was measured, the target, and whether they agree."""
    lines = []
    for one in measured(cells, blocks):
        target = one.measure.target
        wanted = "" if target is None else " to ".join(f"{t:g}" for t in dict.fromkeys(target))
        mark = "" if target is None else "ok" if one.agrees else "DIFFERS"
        bar = ""
        if one.measure is one.cell.measures[0] and one.cell.bar is not None:
            claims = one.measure.name == "claims"
            held = one.value <= one.cell.bar if claims else one.value >= one.cell.bar
            bar = "" if held else f"under the bar {one.cell.bar}"
        name = f"{one.cell.key} | {one.measure.name}"
        lines.append(f"{name:95} {one.value:7.3f} ± {one.error:.3f}  {wanted:14} {mark} {bar}")
    return lines


def write(path: Path, cells: Sequence[Cell], blocks: Blocks) -> None:
    """Not yet."""
