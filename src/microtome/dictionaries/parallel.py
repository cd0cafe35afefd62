"""Several processes that train one dictionary: each takes its share of every batch.

Gradients, losses and firing counts are averaged or summed over the ranks, parameters start equal
and so stay equal. The processes are started by `accelerate launch` or `torchrun`; one process is
the usual case and costs nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from microtome.dictionaries.activations import Batch
from microtome.errors import ConfigError
from microtome.model.load import choose_device


@dataclass(frozen=True)
class Ranks:
    """This process among its fellows."""

    rank: int = 0
    size: int = 1
    state: Any = None
    """Accelerate's own, where there are several."""

    @property
    def first(self) -> bool:
        return self.rank == 0

    def place(self, device: str) -> torch.device:
        """A device by name; "auto" is this rank's own where there are several."""
        if self.state is not None and device == "auto":
            return torch.device(self.state.device)
        return choose_device(device)

    def share(self, batch: Batch) -> Batch:
        """This rank's rows of a batch."""
        if self.size == 1:
            return batch
        length = len(next(iter(batch.values())))
        if length % self.size:
            raise ConfigError(
                f"A batch of {length} cannot be dealt to {self.size} ranks; use a multiple of it."
            )
        part = length // self.size
        mine = slice(self.rank * part, (self.rank + 1) * part)
        return {site: value[mine] for site, value in batch.items()}

    def average(self, tensors: Sequence[Tensor]) -> None:
        """Replace tensors by their mean over the ranks, in one message."""
        if self.size > 1 and tensors:
            flat = torch.cat([t.reshape(-1).float() for t in tensors])
            torch.distributed.all_reduce(flat)
            parts = (flat / self.size).split([t.numel() for t in tensors])
            for tensor, part in zip(tensors, parts, strict=True):
                tensor.copy_(part.view_as(tensor))

    def add(self, tensor: Tensor) -> Tensor:
        """The sum over the ranks."""
        if self.size > 1:
            tensor = tensor.clone()
            torch.distributed.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Until every rank is here."""
        if self.state is not None:
            self.state.wait_for_everyone()


def ranks() -> Ranks:
    """The processes that a launcher has started, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return Ranks()
    from accelerate import PartialState

    state = PartialState(cpu=not torch.cuda.is_available())
    return Ranks(state.process_index, state.num_processes, state)
