"""A training's state as one file: weights, optimiser, random numbers, place in the data, curve.

It is a safetensors file whose metadata hold the rest as JSON, written at once or not at all, so
there is never a half of one checkpoint and a half of another. Its metadata also hold the digest of
all that: a file that was changed is refused. A training that is killed and goes on from it ends
with the weights of one that was not.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from microtome import files
from microtome.dictionaries.activations import Cursor
from microtome.dictionaries.content import content_digest
from microtome.errors import NumericsError, RunError

NAME = "checkpoint.safetensors"


@dataclass(frozen=True)
class Progress:
    """How far a training is."""

    step: int
    cursor: Cursor
    plan: str
    """Digest of what is trained on what: a checkpoint of another plan is refused."""
    curves: list[list[dict[str, Any]]]


def save_checkpoint(
    folder: Path,
    progress: Progress,
    modules: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
) -> None:
    """Write the state of every dictionary in training; NumericsError if it is not finite."""
    tensors: dict[str, Tensor] = {"rng": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors["rng_cuda"] = torch.cuda.get_rng_state()
    for i, (module, optimiser) in enumerate(zip(modules, optimisers, strict=True)):
        for name, value in module.state_dict().items():
            tensors[f"{i}.weights.{name}"] = value
        for number, state in optimiser.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"{i}.optimiser.{number}.{name}"] = torch.as_tensor(value)
    told = {**asdict(progress), "cursor": asdict(progress.cursor)}
    held = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    _demand_finite(folder / NAME, progress.step, held)
    text = json.dumps(files.strict_json(told))
    content = save(held, {"progress": text, "sha256": content_digest([text, held])})
    files.write_atomic(folder / NAME, content)


def load_checkpoint(
    folder: Path,
    plan: str,
    modules: Sequence[nn.Module],
    optimisers: Sequence[torch.optim.Optimizer],
) -> Progress | None:
    """Put the saved state back; None when there is none, RunError when it is another training's."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata()
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if metadata["sha256"] != content_digest([metadata["progress"], tensors]):
            raise ValueError("another digest")
        told = json.loads(metadata["progress"])
    except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path} is damaged (its content is not what was saved); delete it to train from the "
            f"start."
        ) from error
    if told["plan"] != plan:
        raise RunError(
            f"{path} belongs to another training (other recipes, activations, steps or batch); "
            f"give another folder, or the same arguments."
        )
    for i, (module, optimiser) in enumerate(zip(modules, optimisers, strict=True)):
        module.load_state_dict(_below(tensors, f"{i}.weights."))
        _restore(optimiser, _below(tensors, f"{i}.optimiser."))
    torch.set_rng_state(tensors["rng"])
    if "rng_cuda" in tensors and torch.cuda.is_available():
        torch.cuda.set_rng_state(tensors["rng_cuda"])
    return Progress(told["step"], Cursor(**told["cursor"]), plan, told["curves"])


def _demand_finite(path: Path, step: int, tensors: dict[str, Tensor]) -> None:
    for name, value in tensors.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            raise NumericsError(
                f"The training diverged: {name} is not finite at step {step}, so {path} stays as "
                f"it was; use a smaller lr."
            )


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _restore(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    state: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
