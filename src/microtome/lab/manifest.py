"""The manifest: what a run is, how far it came, and the hash of everything it wrote.

Times, memory and the command stand here only, so that all other files of two equal runs are equal.
The manifest carries the digest of its own content: a damaged one is never taken for a true one.
"""

import platform
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from microtome import files
from microtome.errors import RunError

SCHEMA = 1
NAME = "manifest.json"
Status = Literal["running", "finished", "failed", "interrupted"]
PACKAGES = (
    "microtome", "torch", "transformers", "peft", "safetensors", "tokenizers", "numpy", "scipy",
    "pandas", "pyarrow", "matplotlib", "plotly", "pydantic",
)  # fmt: skip


class Artifact(BaseModel):
    """A file of the run, by its path in the run folder."""

    sha256: str
    bytes: int
    step: str = ""


class StepRecord(BaseModel):
    """How far a step came: its units by key with the hash of each file, and what it took."""

    status: Status
    version: int
    units: dict[str, str] = {}
    computed: int = 0
    seconds: float = 0.0
    """Over all starts that computed units of the step."""
    peak_memory_bytes: int = 0
    """Most memory the process had held when the step ended: a step's own peak, if it is the first
    to reach it."""
    error: str = ""


class Manifest(BaseModel):
    """All of `manifest.json`."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = SCHEMA
    study: str
    identity: str
    configuration: dict[str, Any]
    provenance: dict[str, Any]
    seed: int
    command: list[str]
    versions: dict[str, str]
    status: Status
    dry_run: bool = False
    error: str = ""
    started: str
    finished: str = ""
    seconds: float = 0.0
    peak_memory_bytes: int = 0
    steps: dict[str, StepRecord] = {}
    artifacts: dict[str, Artifact] = {}
    columns: dict[str, dict[str, str]] = {}
    questions: dict[str, str] = {}
    """What the study asks, by the names that findings give."""
    warnings: list[str] = []
    """What was found damaged and made anew: history, not a flaw of the results."""
    redraw: bool = Field(default=False, exclude=True)
    """Whether figures must be drawn again although their values are the same."""

    @property
    def model(self) -> str:
        """What the run is of, as its provenance calls it: an adapter is part of the name."""
        return str(self.provenance.get("model") or self.configuration.get("model", ""))

    def write(self, folder: Path) -> None:
        """Publish the manifest, atomically."""
        content = self.model_dump(mode="json")
        files.write_json(folder / NAME, {**content, "digest": files.digest(content)})


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a run; RunError when it is missing, damaged or of a newer schema."""
    path = folder / NAME
    content = files.read_json(path)
    if not isinstance(content, dict) or content.pop("digest", None) != files.digest(content):
        raise RunError(f"{path} is damaged: its content does not have the digest it states.")
    if content.get("schema_version") != SCHEMA:
        raise RunError(
            f"{path} has schema {content.get('schema_version')}, this microtome reads {SCHEMA}."
        )
    try:
        return Manifest.model_validate(content)
    except ValidationError as error:
        raise RunError(f"{path} is not a manifest: {error.error_count()} fields differ.") from None


def versions() -> dict[str, str]:
    """Python, platform and the installed packages that numbers or figures depend on."""
    found = {
        "python": platform.python_version(),
        "platform": sys.platform + " " + platform.machine(),
    }
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def now() -> str:
    """This second in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def peak_memory() -> int:
    """Most memory this process ever held, in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return _peak_memory_of_windows()
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024


def _peak_memory_of_windows() -> int:
    import psutil

    held = psutil.Process().memory_info()
    return int(getattr(held, "peak_wset", held.rss))
