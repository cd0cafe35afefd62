"""What a person at the terminal sees: progress with time left, warnings, plain lines in a log."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from microtome.audit import Audit
from microtome.characters import shown


def plain(text: str) -> str:
    """`text` for rich, on one line and as it is: neither markup nor escape sequences act."""
    return escape(shown(text))


def tell(text: str) -> None:
    """One line on standard output, with nothing in it that acts on the terminal."""
    print(shown(text))


def wide() -> Console:
    """Standard output for tables; a pipe or a file has room for whole lines."""
    return Console(width=None if sys.stdout.isatty() else 160)


@dataclass(frozen=True)
class Terminal:
    """Writes to stderr; a bar on a terminal, one line per step elsewhere."""

    console: Console = field(default_factory=lambda: Console(stderr=True, soft_wrap=True))

    def say(self, text: str) -> None:
        """One plain line."""
        self.console.print(plain(text), highlight=False)

    def warn(self, text: str) -> None:
        """One line that stands out."""
        self.console.print(f"[bold yellow]warning:[/] {plain(text)}", highlight=False)

    def failed(self, step: str, audits: Iterable[Mapping[str, Any]]) -> None:
        """Every audit that failed, loudly."""
        for row in audits:
            where = f"in {row['failed']} of {row['units']} units"
            text = plain(f"{step}: {Audit.from_row(row)}, {where}. {row['note']}".rstrip())
            self.console.print(f"[bold red]audit failed[/] {text}", highlight=False)

    @contextmanager
    def progress(self, step: str, total: int, done: int, of: str = "units") -> "Iterator[Bar]":
        """A bar over the units of a step; `done` of `total` are there already."""
        there = f", {done} already there" if done else ""
        if not self.console.is_terminal or total == done:
            self.say(f"{step}: {total} {of}{there}")
            yield Bar()
            return
        columns = (
            TextColumn("[bold]{task.description}"), BarColumn(), MofNCompleteColumn(),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
            TextColumn("{task.fields[unit]}"),
        )  # fmt: skip
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(plain(f"{step} {of}"), total=total, completed=done, unit="")
            yield Bar(lambda unit: progress.update(task, advance=1, unit=plain(unit[:40])))


@dataclass(frozen=True)
class Bar:
    """Told of every unit that is done."""

    advance: Callable[[str], object] = lambda unit: None


def quiet() -> Terminal:
    """A terminal that shows nothing."""
    return Terminal(Console(quiet=True))
