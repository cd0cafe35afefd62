"""A training's rows on their way to TensorBoard or Weights & Biases; JSONL remains the truth.

A tracker is called with one row per dictionary (name, step and numbers) and closed at the end.
Both exporters are optional: `pip install 'microtome[tracking]'`. W&B works offline too, with
WANDB_MODE=offline in the environment.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from microtome import files
from microtome.errors import ConfigError, suggest

Row = Mapping[str, Any]
_PLACES = ("name", "step", "tokens")


class Tracker(Protocol):
    """Told of every row."""

    def __call__(self, row: Row) -> None: ...
    def close(self) -> None: ...


@dataclass(frozen=True)
class Jsonl:
    """One line of JSON per row."""

    path: Path

    def __call__(self, row: Row) -> None:
        files.append_jsonl(self.path, dict(row))

    def close(self) -> None:
        """Every line is on disk already."""


@dataclass(frozen=True)
class TensorBoard:
    """Scalars `name/quantity` over steps, in a folder that `tensorboard --logdir` opens."""

    folder: Path
    writer: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        module = _optional("tensorboardX", "tensorboard")
        object.__setattr__(self, "writer", module.SummaryWriter(str(self.folder)))

    def __call__(self, row: Row) -> None:
        for quantity, value in _numbers(row).items():
            self.writer.add_scalar(f"{row['name']}/{quantity}", value, int(row["step"]))

    def close(self) -> None:
        """Write what is buffered."""
        self.writer.close()


@dataclass(frozen=True)
class WandB:
    """A run of Weights & Biases whose quantities are named `name/quantity`."""

    folder: Path
    project: str = "microtome"
    run: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        module = _optional("wandb", "wandb")
        files.make_folder(self.folder)
        object.__setattr__(self, "run", module.init(project=self.project, dir=str(self.folder)))

    def __call__(self, row: Row) -> None:
        numbers = {f"{row['name']}/{k}": v for k, v in _numbers(row).items()}
        # Several dictionaries share a step; a metric of our own keeps their order out of it.
        self.run.log({**numbers, "training_step": int(row["step"])})

    def close(self) -> None:
        """End the run."""
        self.run.finish()


@dataclass(frozen=True)
class Several:
    """Every row to each of several trackers."""

    trackers: Sequence[Tracker]

    def __call__(self, row: Row) -> None:
        for tracker in self.trackers:
            tracker(row)

    def close(self) -> None:
        """Close each."""
        for tracker in self.trackers:
            tracker.close()


EXPORTERS: dict[str, Callable[[Path], Tracker]] = {"tensorboard": TensorBoard, "wandb": WandB}


def tracker(name: str, folder: Path) -> Tracker:
    """An exporter by its name, writing below `folder`; ConfigError for one that is not known."""
    if name not in EXPORTERS:
        raise ConfigError(f"Unknown tracker {name!r}.{suggest(name, EXPORTERS)}")
    return EXPORTERS[name](folder / name)


def _numbers(row: Row) -> dict[str, float]:
    return {k: float(v) for k, v in row.items() if k not in _PLACES and isinstance(v, (int, float))}


def _optional(module: str, name: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise ConfigError(
            f"Tracking to {name} needs {module}, which is not installed; run "
            f"pip install 'microtome[tracking]', or leave it out: log.jsonl is always written."
        ) from None
