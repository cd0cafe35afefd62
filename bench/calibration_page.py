"""What the calibration found: cell by cell against the design's figures, and as a page of docs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from bench.calibration_cells import BLOCK, Cell, Measure
from bench.calibration_text import INTRODUCTION, SECTIONS
from bench.page import put

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
    def below_bar(self) -> bool:
        """Whether the cell's first measure misses its bar: coverage too low, claims too many."""
        bar = self.cell.bar
        if bar is None or self.measure is not self.cell.measures[0]:
            return False
        return self.value > bar if self.measure.name == "claims" else self.value < bar


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
            error = 0.0 if measure.median else np.sqrt(value * (1 - value) / counts.sum())
            found.append(Measured(cell, measure, value, float(error), int(counts.sum())))
    return found


def compared(cells: Sequence[Cell], blocks: Blocks) -> list[str]:
    """One line per measure: the cell, what was measured, the target, and whether they agree."""
    return [_line(one) for one in measured(cells, blocks)]


def _line(one: Measured) -> str:
    target = one.measure.target
    wanted = "" if target is None else " to ".join(f"{t:g}" for t in dict.fromkeys(target))
    agrees = target is None or one.measure.within(one.value, one.error)
    mark = "" if target is None else "ok" if agrees else "DIFFERS"
    bar = f"misses the bar {one.cell.bar}" if one.below_bar else ""
    name = f"{one.cell.key} | {one.measure.name}"
    error = "" if one.measure.median else f"± {one.error:.3f}"
    return f"{name:100} {one.value:7.3f} {error:8} {wanted:14} {mark} {bar}".rstrip()


def write(path: Path, cells: Sequence[Cell], blocks: Blocks) -> None:
    """The page of docs: what each cell is, and every figure; later sections stay as they are."""
    every = measured(cells, blocks)
    parts = [INTRODUCTION.format(simulations=f"{_simulations(every, blocks):,}")]
    for section, of in groupby(every, key=lambda one: one.cell.section):
        parts += [f"## {section[2:].capitalize()}\n\n{SECTIONS[section]}\n", *_tables(list(of))]
    put(path, "", "\n".join(parts))


def _simulations(every: Iterable[Measured], blocks: Blocks) -> int:
    """Simulations that every cell without a limit of its own has at least."""
    return min(
        sum(part["simulations"] for part in blocks[one.cell.key].values())
        for one in every
        if one.cell.most > BLOCK
    )


def _tables(every: list[Measured]) -> list[str]:
    """A table per set of sizes: rows of a law and measure, columns of sizes."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for one in every:
        shape = ".2f" if one.measure.median else ".3f"
        row = rows.setdefault((one.cell.name, one.measure.name), {})
        row[one.cell.n] = f"{one.value:{shape}}"
    tables: dict[tuple[str, ...], list[str]] = {}
    for (name, measure), row in rows.items():
        line = f"| {name} | {measure} | {' | '.join(row.values())} |"
        tables.setdefault(tuple(row), []).append(line)
    return [
        f"| data | measure | {' | '.join(sizes)} |\n|---|---|{'---|' * len(sizes)}\n"
        + "\n".join(lines)
        + "\n"
        for sizes, lines in tables.items()
    ]
