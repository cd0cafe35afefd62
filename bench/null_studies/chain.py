"""A study's units computed once, and its conclusions drawn from tables that were made null.

What a run publishes is left out: tables and findings are all that a verdict rests on.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from microtome.lab import tables
from microtome.lab.claims import Finding
from microtome.lab.join import join_arrays, join_tables
from microtome.lab.study import Arrays, Conclusion, Step, Study

Frames = dict[str, pd.DataFrame]
Null = Callable[[Frames, np.random.Generator], Frames]
"""Makes the tables of a run null, all steps' together."""


@dataclass(eq=False)
class Computed:
    """The units of a study, joined: tables and arrays by step."""

    study: Any
    steps: tuple[Step, ...]
    frames: dict[str, Frames] = field(default_factory=dict)
    arrays: dict[str, Arrays] = field(default_factory=dict)


def computed(study: Study, after: Callable[[Any, Step, Conclusion], Any] | None = None) -> Computed:
    """Compute every unit; `after` a step it may hand the study on with what the step made."""
    found = Computed(study, tuple(study.chosen()))
    warm = study.warm()
    for step in found.steps:
        units = list(step.units(found.study))
        products = [step.compute(unit, warm, found.study) for unit in units]
        joined = join_tables(products)
        found.frames[step.name] = {name: table.to_pandas() for name, table in joined.items()}
        found.arrays[step.name] = join_arrays(units, products)
        if after is not None:
            made = _concluded(step, found, found.frames)
            found.study = after(found.study, step, made)
    return found


def findings(run: Computed, null: Null, rng: np.random.Generator) -> list[Finding]:
    """What the study says of its tables once they are null."""
    every = {name: frame.copy() for own in run.frames.values() for name, frame in own.items()}
    changed = null(every, rng)
    frames = {step: {name: changed[name] for name in own} for step, own in run.frames.items()}
    found: list[Finding] = []
    for step in run.steps:
        conclusion = _concluded(step, run, frames)
        found += conclusion.findings
        frames[step.name] = frames[step.name] | {
            name: tables.from_rows(name, rows).to_pandas()
            for name, rows in conclusion.tables.items()
        }
    return found


def _concluded(step: Step, run: Computed, frames: dict[str, Frames]) -> Conclusion:
    own: Iterable[str] = (*step.needs, step.name)
    there = {name: frame.copy() for one in own for name, frame in frames[one].items()}
    arrays = {name: array for one in own for name, array in run.arrays[one].items()}
    return step.conclude(run.study, there, arrays)
