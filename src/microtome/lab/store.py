"""Runs on disk: `<output_dir>/<study>/<date>-<hash>`, the hash naming configuration and provenance.

The same configuration finds its folder again whatever the date, and goes on where it stopped.
`configuration.json` must hash to the folder's name and the manifest to its own digest, so a run
whose manifest was lost can still be told apart and repaired.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from microtome import files
from microtome.errors import RunError
from microtome.lab.manifest import NAME as MANIFEST
from microtome.lab.manifest import Manifest, now, read_manifest
from microtome.lab.study import Study

CONFIGURATION = "configuration.json"
_SHORT = 8


@dataclass(frozen=True)
class RunFolder:
    """Where each thing of a run lies."""

    path: Path

    @property
    def id(self) -> str:
        """`<study>/<date>-<hash>`."""
        return f"{self.path.parent.name}/{self.path.name}"

    @property
    def log(self) -> Path:
        """Events with their times, one JSON object per line."""
        return self.path / "log.jsonl"

    @property
    def report(self) -> Path:
        """The report to open."""
        return self.path / "report.html"

    def unit(self, step: str, key: str) -> Path:
        """The file of one unit."""
        return self.path / "units" / files.safe_name(step) / f"{key}.unit"

    def step(self, step: str) -> Path:
        """What the step concluded."""
        return self.path / "steps" / f"{files.safe_name(step)}.json"

    def manifest(self) -> Manifest:
        """The manifest as it stands on disk."""
        return read_manifest(self.path)

    def has_manifest(self) -> bool:
        """Whether a manifest is there, sound or not."""
        return (self.path / MANIFEST).exists()

    def configuration(self) -> dict[str, Any]:
        """Study, identity, configuration and provenance; RunError unless they hash to the name."""
        path = self.path / CONFIGURATION
        content = files.read_json(path)
        stated = content.get("identity", "") if isinstance(content, dict) else ""
        rest = {key: value for key, value in content.items() if key != "identity"} if stated else {}
        if stated != files.digest(rest) or not self.path.name.endswith(stated[:_SHORT]):
            raise RunError(f"{path} is damaged: it does not hash to the name of its run.")
        return content

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process; the system lets go when the process dies."""
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise RunError(f"Another process is working on {self.path}; wait for it.") from None
        try:
            yield
        finally:
            lock.release()

    def is_locked(self) -> bool:
        """Whether a living process works on the run."""
        if not (self.path / ".lock").exists():
            return False
        try:
            with self.locked():
                return False
        except RunError:
            return True


def identify(study: Study, provenance: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the run what it is, and the hash of that."""
    content = {
        "study": study.name,
        "configuration": study.identity(),
        "provenance": files.strict_json(dict(provenance)),
    }
    return {"identity": files.digest(content), **content}


def open_run(study: Study, provenance: Mapping[str, Any]) -> RunFolder:
    """The folder of this configuration: the one that exists, or a new one named by today."""
    content = identify(study, provenance)
    short = content["identity"][:_SHORT]
    home = files.writable(study.output_dir) / study.name
    existing = [path for path in sorted(home.glob(f"[0-9]*-{short}")) if _may_be(path, content)]
    folder = RunFolder(existing[0] if existing else home / f"{now()[:10].replace('-', '')}-{short}")
    files.writable(folder.path)
    if not _may_be(folder.path, content):
        raise RunError(f"{folder.path} holds another configuration; give another --output-dir.")
    path = folder.path / CONFIGURATION
    if not path.exists() or files.read_json_or_none(path) != content:
        files.write_json(path, content)
    return folder


def _may_be(path: Path, content: Mapping[str, Any]) -> bool:
    """Whether the folder is this run's: not if it soundly says that it is another's."""
    try:
        return RunFolder(path).configuration()["identity"] == content["identity"]
    except RunError:
        return True


def find_run(asked: str, output_dir: Path) -> RunFolder:
    """The run that a path, an id or the beginning of an id or hash names."""
    path = Path(asked)
    if (path / CONFIGURATION).exists() or (path / MANIFEST).exists():
        return RunFolder(path.resolve())
    runs = list_runs(output_dir)
    found = [run for run in runs if _names(asked, run)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(run.id for run in found[:5])
        raise RunError(f"{asked!r} names {len(found)} runs: {names}; give more of the id.")
    there = ", ".join(run.id for run in runs[-5:]) or "none yet"
    raise RunError(f"No run {asked!r} in {output_dir}. The latest there: {there}.")


def _names(asked: str, run: RunFolder) -> bool:
    short = run.path.name.partition("-")[2]
    beginnings = (run.id, run.path.name, short)
    return bool(asked) and any(text.startswith(asked) for text in beginnings)


def list_runs(output_dir: Path) -> list[RunFolder]:
    """All runs below `output_dir`, by study and date."""
    found = {
        path.parent for name in (MANIFEST, CONFIGURATION) for path in output_dir.glob(f"*/*/{name}")
    }
    return [RunFolder(path) for path in sorted(found)]
