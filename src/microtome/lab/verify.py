"""Verification: hash every file again and name those that are missing or not what was written."""

from dataclasses import dataclass
from pathlib import Path

from microtome import files
from microtome.errors import RunError
from microtome.lab.manifest import Manifest
from microtome.lab.store import RunFolder
from microtome.lab.units import read_unit


@dataclass(frozen=True)
class Verification:
    """What was checked, and one sentence per problem."""

    checked: int
    problems: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether every file is what was written."""
        return not self.problems


def verify(folder: RunFolder) -> Verification:
    """Check configuration, manifest, units and artifacts of a run, whatever is wrong with each.

    Without a sound manifest the units that are there are still checked, by the hash in each.
    """
    problems = []
    try:
        folder.configuration()
    except RunError as error:
        problems.append(str(error))
    try:
        manifest = folder.manifest()
    except RunError as error:
        loose = _loose_units(folder)
        found = [problem for problem in loose.values() if problem]
        return Verification(2 + len(loose), (*problems, str(error), *found))
    units = damaged_units(folder, manifest)
    artifacts = damaged_artifacts(folder, manifest)
    if manifest.status != "finished":
        problems.append(f"{folder.path}: the run has not finished ({manifest.status}).")
    checked = 2 + len(manifest.artifacts) + sum(len(s.units) for s in manifest.steps.values())
    return Verification(checked, (*problems, *units.values(), *artifacts.values()))


def damaged_units(folder: RunFolder, manifest: Manifest) -> dict[str, str]:
    """Per damaged unit key, what is wrong with its file."""
    problems = {}
    for step, record in manifest.steps.items():
        for key, sha256 in record.units.items():
            if problem := _unit(folder.unit(step, key), key, sha256):
                problems[key] = problem
    return problems


def damaged_artifacts(folder: RunFolder, manifest: Manifest) -> dict[str, str]:
    """Per artifact that is missing or changed, what is wrong with it."""
    problems = {}
    for name, artifact in manifest.artifacts.items():
        if problem := _artifact(folder, name, artifact.sha256):
            problems[name] = problem
    return problems


def _loose_units(folder: RunFolder) -> dict[str, str]:
    paths = sorted((folder.path / "units").glob("*/*.unit"))
    return {str(path): _unit(path, path.stem) for path in paths}


def _unit(path: Path, key: str, sha256: str = "") -> str:
    """What is wrong with a unit's file; "" for nothing."""
    try:
        if read_unit(path, key) is None:
            return f"{path} is missing."
        if sha256 and files.sha256_file(path) != sha256:
            return f"{path} is not the file that was written."
    except RunError as error:
        return str(error)
    return ""


def _artifact(folder: RunFolder, name: str, sha256: str) -> str:
    """What is wrong with an artifact; "" for nothing."""
    try:
        path = files.inside(folder.path, name)
        if not path.exists():
            return f"{path} is missing."
        if not path.is_file():
            return f"{path} is damaged: it is no file; move it away."
        if files.sha256_file(path) != sha256:
            return f"{path} is damaged: its hash is not the manifest's."
    except RunError as error:
        return str(error)
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}."
    return ""
