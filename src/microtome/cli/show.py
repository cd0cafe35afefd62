"""`microtome list`, `show`, `report` and `verify`: looking at runs without their model."""

from pathlib import Path

from rich.table import Column, Table

from microtome.errors import RunError
from microtome.lab.answers import chipped, proof_of
from microtome.lab.listing import lines, write_index
from microtome.lab.record import FINDINGS, Record
from microtome.lab.repair import repair as repair_run
from microtome.lab.run import conclude
from microtome.lab.store import find_run
from microtome.lab.terminal import Terminal, plain, tell, wide
from microtome.lab.verify import damaged_artifacts
from microtome.lab.verify import verify as verify_run
from microtome.studies import study_class


def runs(output_dir: Path) -> None:
    """A table of all runs."""
    found = lines(output_dir)
    if not found:
        tell(f"No runs in {output_dir}.")
        return
    names = ("model", "status", "started", "took", "findings", "audits")
    table = Table(Column("run", no_wrap=True), *names, box=None)
    for line in found:
        dry = " (dry run)" if line.dry_run else ""
        audits = f"{line.failed_audits} failed" if line.failed_audits else "passed"
        table.add_row(
            plain(line.id), plain(line.model), line.status + dry, plain(line.started[:10]),
            f"{line.seconds:.0f} s", line.verdicts or str(len(line.answers)),
            audits if not line.problem else "",
        )  # fmt: skip
    wide().print(table)
    for line in found:
        if line.problem:
            Terminal().warn(line.problem)


def run(name: str, evidence: bool, output_dir: Path) -> None:
    """What a run found; with `evidence`, what each answer rests on."""
    record = Record(find_run(name, output_dir).path)
    manifest = record.manifest
    dry = " — DRY RUN, its numbers mean nothing" if manifest.dry_run else ""
    tell(f"{record.folder.id}: {manifest.status}{dry}")
    if manifest.error:
        tell(f"It stopped with: {manifest.error}")
    for finding in record.findings:
        tell(f"- {finding['step']}: {chipped(finding)}")
        for line in proof_of(finding) if evidence else ():
            tell(f"    {line}")
    console = wide()
    console.print(_audits(record))
    console.print(_steps(record))
    tell(f"Report: {record.folder.report}")


def _audits(record: Record) -> Table:
    table = Table("audit", "worst", "bound", "verdict", box=None)
    for audit in record.audits:
        verdict = "passed" if audit["passed"] else f"[bold red]FAILED in {audit['failed']}[/]"
        value = "not a number" if audit["value"] is None else f"{audit['value']:.3g}"
        bound = f"{audit['relation']} {audit['bound']:.3g}"
        table.add_row(plain(f"{audit['step']}: {audit['name']}"), value, bound, verdict)
    return table


def _steps(record: Record) -> Table:
    table = Table("step", "status", "units", "computed last", "seconds", box=None)
    for name, step in record.manifest.steps.items():
        units, computed = str(len(step.units)), str(step.computed)
        table.add_row(plain(name), step.status, units, computed, f"{step.seconds:.1f}")
    return table


def report(name: str, output_dir: Path) -> None:
    """Write a run's report, and the page of all runs, anew."""
    folder = find_run(name, output_dir)
    with folder.locked():
        manifest = folder.manifest()
        damaged = damaged_artifacts(folder, manifest)
        for name in (folder.report.name, FINDINGS):
            damaged.pop(name, None)
        if damaged:
            first = next(iter(damaged.values()))
            raise RunError(f"{first} `microtome verify --repair` mends it; then report again.")
        conclude(folder, manifest)
        manifest.write(folder.path)
    tell(f"Report: {folder.report}")
    if folder.path.parent.parent.resolve() == output_dir.resolve():
        tell(f"All reports: {write_index(output_dir)}")


def verify(name: str, repair: bool, output_dir: Path) -> None:
    """Name what is damaged; with `repair`, make it anew."""
    folder = find_run(name, output_dir)
    found = verify_run(folder)
    for problem in found.problems:
        tell(problem)
    if found.sound:
        tell(f"{folder.id}: all {found.checked} files are what was written.")
        return
    if not repair:
        count = len(found.problems)
        raise RunError(f"{folder.id} has {count} problems; `microtome verify --repair` mends them.")
    repair_run(folder, study_class, Terminal())
    again = verify_run(folder)
    if not again.sound:
        raise RunError(f"{folder.id} could not be mended: {' '.join(again.problems)}")
    tell(f"{folder.id}: mended; all {again.checked} files are what was written.")
