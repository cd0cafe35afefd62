"""Verification: hash every file again and name those that are missing or not what was written."""

from dataclasses import dataclass

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
    """Check configuration, manifest, units and artifacts of a run."""
    problems = []
    try:
        folder.configuration()
    except RunError as error:
        problems.append(str(error))
    try:
        manifest = folder.manifest()
    except RunError as error:
        return Verification(2, (*problems, str(error)))
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
            path = folder.unit(step, key)
            try:
                if read_unit(path, key) is None:
                    problems[key] = f"{path} is missing."
                elif files.sha256_file(path) != sha256:
                    problems[key] = f"{path} is not the file that was written."
            except RunError as error:
                problems[key] = str(error)
    return problems


def damaged_artifacts(folder: RunFolder, manifest: Manifest) -> dict[str, str]:
    """Per artifact that is missing or changed, what is wrong with it."""
    problems = {}
    for name, artifact in manifest.artifacts.items():
        path = files.inside(folder.path, name)
        if not path.is_file():
            problems[name] = f"{path} is missing."
        elif files.sha256_file(path) != artifact.sha256:
            problems[name] = f"{path} is damaged: its hash is not the manifest's."
    return problems
