"""Dry runs: every step on two units of a stand-in model, and what the real run would cost."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microtome import files
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.study import Cost, Study
from microtome.lab.terminal import Terminal


@dataclass(frozen=True)
class Rehearsal:
    """The marked run of two units per step, and the predicted cost of each step in full."""

    record: Record
    costs: dict[str, Cost]
    units: dict[str, int]


def rehearse(
    study: Study, *, command: Sequence[str] = (), terminal: Terminal | None = None
) -> Rehearsal:
    """Check everything the real run needs but the model; the runs stay in a temporary folder."""
    files.writable(study.output_dir)
    study.provenance()
    steps = study.chosen()
    costs = {step.name: step.cost(study) for step in steps}
    units = {step.name: len(step.units(study)) for step in steps}
    home = Path(tempfile.mkdtemp(prefix="microtome-dry-run-"))
    stand_in = study.dry().model_copy(update={"output_dir": home, "steps": study.steps})
    record = run(stand_in, command=command, terminal=terminal, dry_run=True)
    return Rehearsal(record, costs, units)
