"""What a study is: a configuration, a chain of steps, and steps that map over units.

A unit is one small, pure piece of work (a model x a prompt). `Step.compute` turns it into a
`Product`: rows of tables, arrays and audits. The lab stores every product under a key that hashes
all it depends on, so a run killed anywhere does only what is missing when it is started again.
`Step.conclude` reads the joined tables and says what was found; `Step.figures` shows it.
"""

import abc
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

import numpy as np

from microtome.audit import Audit
from microtome.errors import ConfigError, suggest
from microtome.lab.claims import Finding as Finding
from microtome.lab.claims import Question
from microtome.lab.figures import Figure
from microtome.values import Seed, Value

if TYPE_CHECKING:
    import pandas as pd

JSON: TypeAlias = "str | int | float | bool | Sequence[JSON] | Mapping[str, JSON] | None"
Rows: TypeAlias = Sequence[Mapping[str, Any]]
Tables: TypeAlias = "Mapping[str, pd.DataFrame]"
Arrays: TypeAlias = Mapping[str, Mapping[str, np.ndarray]]
"""Arrays by name, then by the name of the unit that made them."""


@dataclass(frozen=True)
class Unit:
    """One piece of work: a name unique in its step, and all that tells it from the others."""

    name: str
    inputs: Mapping[str, JSON]


@dataclass(frozen=True)
class Product:
    """What one unit yields.

    Rows of a table are mappings of column to str, int, float, bool or None; the tables of all
    units are joined in the order of `Step.units`. Arrays are kept by unit name.
    """

    tables: Mapping[str, Rows] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray] = field(default_factory=dict)
    audits: Sequence[Audit] = ()


@dataclass(frozen=True)
class Conclusion:
    """What a step says in the end; tables go to `tables/`, data to `data/<name>.json`.

    Data whose name ends in `.jsonl` is a sequence, written one line an item.
    """

    findings: Sequence[Finding] = ()
    tables: "Mapping[str, Rows | pd.DataFrame]" = field(default_factory=dict)
    data: Mapping[str, JSON] = field(default_factory=dict)
    audits: Sequence[Audit] = ()


@dataclass(frozen=True)
class Cost:
    """What a step will take: forward passes, tokens read by them, bytes on disk, arithmetic.

    `flops` counts what passes through layers, so a pass that starts halfway counts half.
    """

    forwards: int
    tokens: int
    bytes: int
    flops: float = 0.0


class Study(Value):
    """A configuration that knows its steps; its fields are the YAML, the flags and their help."""

    name: ClassVar[str]
    """The word after `microtome run`, and the run's folder."""
    summary: ClassVar[str]
    """One line for `microtome run --help`."""
    questions: ClassVar[tuple[Question, ...]] = ()
    """What the study answers: three to six, in the order in which a reader asks them."""

    model: str
    """Hub id or folder of the base model, or specimen:world; none is assumed."""
    steps: tuple[str, ...] = ()
    """Steps to do, comma-separated; all when empty. Steps done one by one land in one run."""
    seed: Seed = 42
    """Seed of every random choice."""
    device: str = "auto"
    """Where to compute: auto, cpu, cuda, cuda:1 or mps."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Number format of the model; auto takes the checkpoint's own."""
    output_dir: Path = Path("runs")
    """Folder that holds the runs."""

    @abc.abstractmethod
    def chain(self) -> "tuple[Step, ...]":
        """All steps of the study, in order, whatever `steps` selects."""

    @abc.abstractmethod
    def provenance(self) -> dict[str, Any]:
        """What the numbers come from: model id, revision, digests, adapters; never its weights.

        It enters the run's identity and every unit key, so it must not load the model and must
        say the same each time. `"specimen": true` makes the report say that the model is a
        specimen; `"stand_in": "..."` names anything that is not the real thing.
        """

    @abc.abstractmethod
    def warm(self) -> Any:
        """Load what units need (model, tokenizer); called once, and only if a unit is missing."""

    def speed(self) -> float:
        """FLOP/s of this machine on the study's model, timed in seconds without its weights.

        Infinite for a study whose steps count no `flops`.
        """
        return math.inf

    def memory(self) -> int:
        """Bytes that the models and the largest batch take, predicted; 0 where nobody knows."""
        return 0

    @abc.abstractmethod
    def dry(self) -> "Study":
        """The same study on a tiny stand-in of the same architecture and tokenizer."""

    @classmethod
    @abc.abstractmethod
    def demo(cls) -> "Study":
        """A configuration on an embedded specimen that takes minutes on two cores."""

    def chosen(self) -> "tuple[Step, ...]":
        """The steps to do: those named in `steps` with the ones they need, in chain order."""
        by_name = {step.name: step for step in self.chain()}
        wanted: set[str] = set()
        queue = list(self.steps) or list(by_name)
        while queue:
            name = queue.pop()
            if name not in by_name:
                raise ConfigError(f"{self.name} has no step {name!r}.{suggest(name, by_name)}")
            wanted.add(name)
            queue.extend(need for need in by_name[name].needs if need not in wanted)
        return tuple(step for name, step in by_name.items() if name in wanted)

    def identity(self) -> dict[str, Any]:
        """The part of the configuration that makes the run what it is."""
        return self.model_dump(mode="json", exclude={"steps", "output_dir"})


class Step(abc.ABC):
    """One step of a study. Subclasses set the class fields and hold no state."""

    name: ClassVar[str]
    version: ClassVar[int] = 1
    """Raised by the author when `compute` changes: old units are then computed anew."""
    summary: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ()
    """Configuration fields that `compute` depends on (device and dtype always count)."""
    needs: ClassVar[tuple[str, ...]] = ()
    """Earlier steps whose tables `conclude` and `figures` use."""

    @abc.abstractmethod
    def units(self, study: Any) -> Sequence[Unit]:
        """The pieces of work, in the order in which their rows are joined; loads no model."""

    @abc.abstractmethod
    def compute(self, unit: Unit, warm: Any, study: Any) -> Product:
        """The product of one unit: a pure function of its arguments."""

    @abc.abstractmethod
    def cost(self, study: Any) -> Cost:
        """What all units of the step together will take, predicted without the model."""

    def conclude(self, study: Any, tables: Tables, arrays: Arrays) -> Conclusion:
        """What was found: cheap, deterministic, done anew on every start.

        A dry run has the rows of each step's first two units only; this must cope with them.
        """
        return Conclusion()

    def figures(self, study: Any, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        """Figures of the step; `tables` now holds the conclusion's own tables too."""
        return ()
