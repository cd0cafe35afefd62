"""`microtome run` and `microtome demo`: flags from a study's fields, then the loop."""

import math
import sys
from pathlib import Path

import typer
from rich.table import Table

from microtome.cli.flags import parse
from microtome.files import load_yaml
from microtome.lab.answers import chipped
from microtome.lab.config import configure
from microtome.lab.dry import Rehearsal, rehearse
from microtome.lab.listing import write_index
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.terminal import Terminal, tell, wide
from microtome.studies import STUDIES, study_class


def main(arguments: list[str]) -> None:
    """Do `arguments`: the name of a study and its flags."""
    if not arguments or arguments[0] in ("--help", "-h"):
        _studies()
        return
    if arguments[0].startswith("-"):
        raise typer.BadParameter(f"the study comes first: microtome run STUDY {arguments[0]} ...")
    kind = study_class(arguments[0])
    flags = parse(kind, arguments[1:])
    if flags is None:
        return
    study = configure(kind, load_yaml(flags.config) if flags.config else None, flags.fields)
    if flags.dry_run:
        _show_rehearsal(rehearse(study, command=_command()))
    else:
        _show(run(study, command=_command()))


def demo(output_dir: Path) -> None:
    """Every study's demonstration, then the page that lists all reports."""
    terminal = Terminal()
    for name in STUDIES:
        study = study_class(name).demo().model_copy(update={"output_dir": output_dir})
        terminal.say(f"{name}: {study.summary}")
        _show(run(study, command=_command(), terminal=terminal))
    tell(f"All reports: {write_index(output_dir).resolve()}")


def _studies() -> None:
    table = Table("study", "what it does", box=None)
    for name in STUDIES:
        table.add_row(name, study_class(name).summary)
    console = wide()
    console.print("Usage: microtome run STUDY [--config FILE] [--dry-run] [flags]\n", markup=False)
    console.print(table)
    console.print("\n`microtome run STUDY --help` lists the flags of a study.")


def _show(record: Record) -> None:
    for finding in record.findings:
        tell(f"- {chipped(finding)}")
    tell(f"How sure: microtome show {record.path} --evidence")
    failed = [audit for audit in record.audits if not audit["passed"]]
    if failed:
        tell(f"{len(failed)} audits failed: see the report before believing the numbers.")
    tell(f"Report: {record.folder.report.resolve()}")


def _show_rehearsal(rehearsal: Rehearsal) -> None:
    names = ("step", "units", "forward passes", "tokens", "disk", "time")
    table = Table(*names, title="Predicted cost")
    for name, cost in rehearsal.costs.items():
        disk = f"{cost.bytes / 1e6:.1f} MB"
        units = rehearsal.units[name]
        time = _duration(rehearsal.seconds[name])
        table.add_row(name, f"{units:,}", f"{cost.forwards:,}", f"{cost.tokens:,}", disk, time)
    wide().print(table)
    tell(_total(rehearsal))
    if rehearsal.memory:
        tell(f"Predicted memory {rehearsal.memory / 2**30:.2g} GiB for weights and batches.")
    tell("DRY RUN: two units of each step on a stand-in model; its numbers mean nothing.")
    tell(f"Its report: {rehearsal.record.folder.report}")


def _total(rehearsal: Rehearsal) -> str:
    total = _duration(sum(rehearsal.seconds.values()))
    speed = rehearsal.speed
    timed = f", from {speed / 1e9:.3g} GFLOP/s timed on a block of this model" * (speed < math.inf)
    return f"Predicted time {total}{timed} and the rehearsal; reading the weights comes on top."


def _duration(seconds: float) -> str:
    """Two digits: a prediction is no better."""
    for size, name in ((3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{float(f'{seconds / size:.2g}'):g} {name}"
    return f"{float(f'{seconds:.2g}'):g} s"


def _command() -> list[str]:
    return ["microtome", *sys.argv[1:]]
