"""Dry runs: every step on two units of a stand-in model, and what the real run would cost.

    seconds = flops / speed + (seconds of a rehearsed unit · units − stand-in's flops / speed)⁺
              · forwards / stand-in's forwards + seconds of concluding and drawing

The first term is the arithmetic of the real model at the speed of this machine; the second what
every pass costs besides, which the rehearsal shows, as the stand-in has next to no arithmetic.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from microtome import files
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.study import Cost, Step, Study
from microtome.lab.terminal import Terminal


@dataclass(frozen=True)
class Rehearsal:
    """The marked run of two units per step, and the predicted cost of each step in full.

    `seconds` is a prediction per step from `speed` (FLOP/s) and the rehearsal; reading the weights
    of the real model is not in it. `memory` is bytes for models and the largest batch.
    """

    record: Record
    costs: dict[str, Cost]
    units: dict[str, int]
    seconds: dict[str, float]
    speed: float
    memory: int = 0


def rehearse(
    study: Study, *, command: Sequence[str] = (), terminal: Terminal | None = None
) -> Rehearsal:
    """Check everything the real run needs but the model; the runs stay in a temporary folder."""
    files.writable(study.output_dir)
    study.provenance()
    steps = study.chosen()
    costs = {step.name: step.cost(study) for step in steps}
    units = {step.name: len(step.units(study)) for step in steps}
    speed = study.speed()
    home = Path(tempfile.mkdtemp(prefix="microtome-dry-run-"))
    stand_in = study.dry().model_copy(update={"output_dir": home, "steps": study.steps})
    record = run(stand_in, command=command, terminal=terminal, dry_run=True)
    seconds = {s.name: _seconds(s, costs[s.name], stand_in, record, speed) for s in steps}
    return Rehearsal(record, costs, units, seconds, speed, study.memory())


def _seconds(step: Step, cost: Cost, stand_in: Study, record: Record, speed: float) -> float:
    """The formula above; of the rehearsed units the last, as the first also warms up."""
    small, arithmetic = step.cost(stand_in), cost.flops / speed
    log = files.read_jsonl(record.folder.log)
    took = [float(line["seconds"]) for line in log if line["step"] == step.name]
    if not took:
        return arithmetic
    besides = max(0.0, took[-1] * len(step.units(stand_in)) - small.flops / speed)
    growth = cost.forwards / small.forwards if small.forwards else 1.0
    drawing = max(0.0, record.manifest.steps[step.name].seconds - sum(took))
    return arithmetic + besides * growth + drawing
