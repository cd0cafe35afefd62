"""What a person sees of a training: a bar with FVU, L0, dead share, time left; or plain lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from microtome.dictionaries.logbook import Row

_LINES = 20
"""Lines of a whole training where there is no terminal."""


@dataclass
class Shown:
    """A log that shows the rows of a step together; `close` ends the bar."""

    steps: int
    count: int
    """Dictionaries in training, so rows per step."""
    console: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True))
    rows: list[Row] = field(default_factory=list)
    told: int = -1
    bar: Any = None
    task: Any = None

    def __call__(self, row: Row) -> None:
        self.rows = [*self.rows, row] if self.rows[:1] and self._same(row) else [row]
        if len(self.rows) < self.count:
            return
        if self.console.is_terminal:
            self._advance(row["step"])
        elif row["step"] * _LINES // self.steps > self.told:
            self.told = row["step"] * _LINES // self.steps
            line = f"step {row['step']} of {self.steps}: {summary(self.rows)}"
            self.console.print(line, highlight=False)

    def _same(self, row: Row) -> bool:
        return bool(self.rows[0]["step"] == row["step"])

    def _advance(self, step: int) -> None:
        if self.bar is None:
            columns = (
                TextColumn("[bold]train"), BarColumn(), MofNCompleteColumn(),
                TextColumn("steps, left"), TimeRemainingColumn(),
                TextColumn("{task.fields[scores]}"),
            )  # fmt: skip
            self.bar = Progress(*columns, console=self.console)
            self.task = self.bar.add_task("", total=self.steps, completed=step, scores="")
            self.bar.start()
        self.bar.update(self.task, completed=step, scores=escape(summary(self.rows)))

    def close(self) -> None:
        """Take the bar away."""
        if self.bar is not None:
            self.bar.stop()


def summary(rows: list[Row]) -> str:
    """FVU, L0 and dead share of one dictionary, or their range over several."""
    parts = []
    for name, label, form in (("fvu", "FVU", ".3f"), ("l0", "L0", ".1f"), ("dead", "dead", ".1%")):
        low, high = (end(float(row[name]) for row in rows) for end in (min, max))
        one, two = format(low, form), format(high, form)
        parts.append(f"{label} {one}" if one == two else f"{label} {one} to {two}")
    return ", ".join(parts)
