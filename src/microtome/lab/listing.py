"""All runs of a folder at a glance: for `microtome list` and for an index page with the reports."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microtome import files
from microtome.errors import RunError
from microtome.lab.answers import chipped, counted
from microtome.lab.record import FINDINGS, read_findings
from microtome.lab.report import policy, template
from microtome.lab.store import RunFolder, list_runs

INDEX = "index.html"
MARK = '<meta name="generator" content="microtome">'


@dataclass(frozen=True)
class Line:
    """One run: what it is and how it stands. `problem` says why a damaged one cannot be read."""

    id: str
    model: str = ""
    status: str = "damaged"
    dry_run: bool = False
    started: str = ""
    seconds: float = 0.0
    answers: tuple[str, ...] = ()
    verdicts: str = ""
    failed_audits: int = 0
    report: str = ""
    problem: str = ""


def lines(output_dir: Path) -> list[Line]:
    """Every run below `output_dir`, damaged ones too."""
    return [_line(run, output_dir) for run in list_runs(output_dir)]


def _line(run: RunFolder, output_dir: Path) -> Line:
    try:
        manifest = run.manifest()
    except RunError as error:
        return Line(run.id, problem=str(error))
    status: str = manifest.status
    if status == "running" and not run.is_locked():
        status = "interrupted"
    found: dict[str, Any] = {"steps": [], "failed_audits": 0}
    problem = ""
    if (run.path / FINDINGS).exists():
        try:
            found = read_findings(run, manifest)
        except RunError as error:
            problem = str(error)
    every = [finding for step in found["steps"] for finding in step["findings"]]
    report = run.report.relative_to(output_dir).as_posix() if run.report.exists() else ""
    return Line(
        run.id,
        manifest.model,
        status,
        manifest.dry_run,
        manifest.started,
        manifest.seconds,
        tuple(chipped(finding) for finding in every),
        counted(every),
        found["failed_audits"],
        report,
        problem,
    )


def write_index(output_dir: Path) -> Path:
    """Write a page that lists all runs with links to their reports; returns its path.

    A page of that name that is not ours is left alone: RunError.
    """
    path = output_dir / INDEX
    if path.exists() and MARK not in path.read_text(encoding="utf-8", errors="replace")[:2000]:
        raise RunError(f"{path} is not a page of runs; move it, or choose another --output-dir.")
    text = template("index.html.j2").render(policy=policy([]), lines=lines(output_dir))
    files.write_atomic(path, text.encode("utf-8", "backslashreplace"))
    return path
