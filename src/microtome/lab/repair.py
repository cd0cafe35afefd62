"""Repair: compute the damaged units of a run anew, and from them whatever else is damaged."""

from collections.abc import Callable

from microtome.errors import RunError
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.store import RunFolder, identify
from microtome.lab.study import Study
from microtome.lab.terminal import Terminal


def repair(
    folder: RunFolder, study_class: Callable[[str], type[Study]], terminal: Terminal
) -> Record:
    """Do the finished steps of the run again; sound units are read, not computed.

    RunError when the run cannot be told from what is left, or its model is no longer the same.
    A table whose values differ from those recorded before is named as a warning.
    """
    before = _columns(folder)
    study, identity, command, dry = _recorded(folder, study_class)
    if folder.path.parent.name != study.name:
        raise RunError(f"{folder.path} was moved; put it back into a folder named {study.name!r}.")
    if identify(study, study.provenance())["identity"] != identity:
        raise RunError(
            f"{folder.path} cannot be repaired: its model, adapters or data are no longer the same."
        )
    record = run(study, command=command, terminal=terminal, dry_run=dry)
    after = record.manifest.columns
    for table, columns in before.items():
        if after.get(table) not in (None, columns):
            terminal.warn(f"Table {table!r} now holds other values than those recorded before.")
    return record


def _columns(folder: RunFolder) -> dict[str, dict[str, str]]:
    try:
        return folder.manifest().columns
    except RunError:
        return {}


def _recorded(
    folder: RunFolder, study_class: Callable[[str], type[Study]]
) -> tuple[Study, str, list[str], bool]:
    """The study, identity and command that the manifest or the configuration file tells."""
    steps: tuple[str, ...] = ()
    command: list[str] = []
    dry = False
    try:
        manifest = folder.manifest()
        name, identity, values = manifest.study, manifest.identity, manifest.configuration
        steps, command, dry = tuple(manifest.steps), manifest.command, manifest.dry_run
    except RunError:
        content = folder.configuration()
        name, identity, values = content["study"], content["identity"], content["configuration"]
    values = {**values, "steps": steps, "output_dir": folder.path.parent.parent}
    return study_class(name).model_validate(values), identity, command, dry
