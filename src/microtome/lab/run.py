"""The loop: for every step, compute the units that are missing, join them, conclude, publish.

A unit is committed the moment it is computed, so a run killed anywhere and started again does
only what is missing and ends with the same files; times stand in the manifest and the log alone.
"""

import contextlib
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from microtome import files
from microtome.errors import (
    ConfigError,
    InputError,
    JudgeError,
    MicrotomeError,
    ModelError,
    RemoteError,
    RunError,
)
from microtome.lab import report
from microtome.lab.executor import Executor, Local
from microtome.lab.manifest import Artifact, Manifest, now, peak_memory, versions
from microtome.lab.record import FINDINGS, Record, findings
from microtome.lab.store import RunFolder, identify, open_run
from microtome.lab.study import Step, Study
from microtome.lab.terminal import Terminal
from microtome.lab.verify import damaged_artifacts
from microtome.lab.work import Work

DRY_UNITS = 2


def run(
    study: Study,
    *,
    executor: Executor | None = None,
    command: Sequence[str] = (),
    terminal: Terminal | None = None,
    dry_run: bool = False,
) -> Record:
    """Do the chosen steps of `study` in the run its configuration names; returns what was found.

    `dry_run` does two units of each step and marks everything. Raises what the steps raise, with
    all units computed so far kept, and RunError when the folder cannot be used.
    """
    terminal = terminal or Terminal()
    study.chosen()
    provenance = study.provenance()
    folder = open_run(study, provenance)
    with _without_a_trace(folder), folder.locked():
        files.clear_temporaries(folder.path)
        manifest = _begin(study, provenance, folder, command, terminal, dry_run)
        work = Work(
            study, provenance, folder, manifest, executor or Local(), terminal,
            limit=DRY_UNITS if dry_run else None,
        )  # fmt: skip
        with _ending(folder, manifest):
            for step in _steps(study, folder, manifest, terminal):
                work.step(step)
            order = [step.name for step in study.chain() if step.name in manifest.steps]
            manifest.steps = {name: manifest.steps[name] for name in order}
            conclude(folder, manifest)
    return Record(folder.path)


def _begin(
    study: Study,
    provenance: Mapping[str, Any],
    folder: RunFolder,
    command: Sequence[str],
    terminal: Terminal,
    dry_run: bool,
) -> Manifest:
    """The manifest of this start, with what earlier starts left."""
    manifest = Manifest(
        **identify(study, provenance), seed=study.seed, command=list(command),
        versions=versions(), status="running", dry_run=dry_run, started=now(),
        questions={one.name: one.text for one in study.questions},
    )  # fmt: skip
    if folder.has_manifest():
        try:
            manifest = _continue(manifest, folder.manifest())
        except RunError as error:
            terminal.warn(f"{error} It is made again from the units.")
            manifest.warnings.append(str(error))
    manifest.write(folder.path)
    return manifest


def _continue(manifest: Manifest, old: Manifest) -> Manifest:
    kept = ("steps", "artifacts", "columns", "warnings", "seconds", "peak_memory_bytes", "started")
    manifest = manifest.model_copy(update={name: getattr(old, name) for name in kept})
    if old.versions != manifest.versions:
        # Another version of the drawing packages may draw otherwise.
        manifest.redraw = True
    return manifest


def _steps(
    study: Study, folder: RunFolder, manifest: Manifest, terminal: Terminal
) -> tuple[Step, ...]:
    """The chosen steps, and those done before whose files are damaged."""
    chosen = {step.name for step in study.chosen()}
    for name, problem in damaged_artifacts(folder, manifest).items():
        terminal.warn(f"{problem} It is made again.")
        manifest.warnings.append(problem)
        _unlink(folder, name)
        owner = manifest.artifacts.pop(name).step
        if owner in {step.name for step in study.chain()}:
            chosen.add(owner)
    steps = study.model_copy(update={"steps": tuple(chosen)}).chosen()
    extra = [step.name for step in steps if study.steps and step.name not in study.steps]
    if extra:
        terminal.say(f"also needed: {', '.join(extra)}")
    return steps


def _unlink(folder: RunFolder, name: str) -> None:
    """Take away a link that stands where a file of ours was; what it leads to is left alone."""
    link = files.inside(folder.path, str(Path(name).parent)) / Path(name).name
    if link.is_symlink():
        link.unlink()


def conclude(folder: RunFolder, manifest: Manifest) -> None:
    """Write what covers the whole run: the findings and the report."""
    found = findings(folder, manifest)
    files.write_json(folder.path / FINDINGS, found)
    files.write_atomic(folder.report, report.render(folder, manifest, found))
    for path in (folder.path / FINDINGS, folder.report):
        content = path.read_bytes()
        manifest.artifacts[path.name] = Artifact(sha256=files.sha256(content), bytes=len(content))


@contextlib.contextmanager
def _without_a_trace(folder: RunFolder) -> Iterator[None]:
    """Remove a new run that was refused for its input before anything was computed."""
    new = not folder.has_manifest()
    try:
        yield
    except (ConfigError, InputError, JudgeError, ModelError, RemoteError):
        if new and not any((folder.path / "units").rglob("*.*")):
            shutil.rmtree(folder.path, ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.path.parent.rmdir()
        raise


@contextlib.contextmanager
def _ending(folder: RunFolder, manifest: Manifest) -> Iterator[None]:
    """Leave a manifest that says how the run ended, whatever happens."""
    start = time.perf_counter()
    try:
        yield
    except BaseException as error:
        known = isinstance(error, (MicrotomeError, OSError))
        manifest.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
        manifest.error = str(error) if known else f"{type(error).__name__}: {error}"
        _close(manifest, start)
        # The error that stopped the run is the one to tell, also when the disk is full.
        with contextlib.suppress(OSError):
            manifest.write(folder.path)
        raise
    manifest.status = "finished"
    _close(manifest, start)
    manifest.write(folder.path)


def _close(manifest: Manifest, start: float) -> None:
    manifest.redraw = False
    manifest.seconds = round(manifest.seconds + time.perf_counter() - start, 3)
    manifest.peak_memory_bytes = max(manifest.peak_memory_bytes, peak_memory())
    manifest.finished = now()
