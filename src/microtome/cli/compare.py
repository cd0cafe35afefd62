"""`microtome compare RUN RUN`: two runs of one study side by side, without their model."""

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from microtome.lab.answers import chipped
from microtome.lab.compare import Comparison, Pairing, Setting, TableChange
from microtome.lab.compare import compare as compare_runs
from microtome.lab.store import find_run
from microtome.lab.terminal import plain, wide


def compare(left: str, right: str, output_dir: Path) -> None:
    """Print settings, findings and tables in which two runs differ."""
    folders = [find_run(name, output_dir) for name in (left, right)]
    found = compare_runs(*folders)
    console = wide()
    _heads(console, found)
    _settings(console, found.settings)
    _findings(console, found.findings)
    _tables(console, found)


def _heads(console: Console, found: Comparison) -> None:
    sides = zip("AB", (found.left, found.right), found.manifests, found.failed_audits, strict=True)
    for letter, folder, manifest, failed in sides:
        marks = [str(manifest.status), f"{manifest.seconds:.0f} s"]
        if manifest.dry_run:
            marks.append("DRY RUN, its numbers mean nothing")
        if failed:
            marks.append(f"{failed} {'audit' if failed == 1 else 'audits'} failed")
        console.print(f"{letter}: {plain(folder.id)} ({', '.join(marks)})", highlight=False)


def _settings(console: Console, settings: tuple[Setting, ...]) -> None:
    if not settings:
        console.print("\nConfiguration, provenance and versions are the same.")
        return
    table = Table("field", "A", "B", title="Set differently", title_justify="left")
    for one in settings:
        table.add_row(plain(one.name), plain(_value(one.left)), plain(_value(one.right)))
    console.print(table)


def _findings(console: Console, pairings: tuple[Pairing, ...]) -> None:
    if not pairings:
        console.print("Neither run has found anything yet.")
        return
    right = Column("B − A", justify="right")
    table = Table("step", "A", "B", right, title="Found", title_justify="left", show_lines=True)
    for one in pairings:
        texts = [plain(chipped(side)) if side else "—" for side in (one.left, one.right)]
        said, change = (texts[1], _change(one)) if one.differ else ("the same", "")
        table.add_row(plain(one.step), texts[0], said, change)
    console.print(table)


def _change(one: Pairing) -> str:
    """`+0.31 logits, intervals apart`; nothing where there is no difference to state."""
    if one.difference is None or one.left is None:
        return ""
    name = one.left["evidence"]["unit"]
    unit = f" {plain(name)}" if name else ""
    apart = {None: "", True: ", intervals apart", False: ", intervals overlap"}[one.apart]
    return f"{one.difference:+.3g}{unit}{apart}"


def _tables(console: Console, found: Comparison) -> None:
    total = found.same_tables + len(found.tables)
    console.print(f"{found.same_tables} of {total} tables are the same in every column.")
    if not found.tables:
        return
    table = Table("table", "rows A", "rows B", "columns that differ",
                  title="Tables that differ", title_justify="left")  # fmt: skip
    for one in found.tables:
        table.add_row(plain(one.name), _count(one.left_rows), _count(one.right_rows), _names(one))
    console.print(table)


def _names(one: TableChange) -> str:
    if one.left_rows is None or one.right_rows is None:
        return "only in " + ("B" if one.left_rows is None else "A")
    return plain(", ".join(one.columns))


def _count(rows: int | None) -> str:
    return "—" if rows is None else f"{rows:,}"


def _value(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "—" if value is None else str(value)
