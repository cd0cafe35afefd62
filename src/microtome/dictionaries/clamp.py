"""Interventions on features by the delta rule: h ← h + Σ (f′ − f) · atom.

Where no feature changes the activation keeps its bits, so ablating a feature that never fires, or
clamping one to what it already is, changes no logit at all. Edits at one site act one after the
other, each encoding what the one before left: features to be changed together go into one clamp.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from microtome.errors import InputError
from microtome.model.edit import Edit
from microtome.model.site import Site


class Coder(Protocol):
    """What an intervention needs of a dictionary."""

    @property
    def site_in(self) -> Site | None: ...
    def encode(self, x: Tensor) -> Tensor: ...
    def reconstruct(self, x: Tensor) -> Tensor: ...
    def write(self, change: Tensor, features: Tensor, x: Tensor) -> Tensor: ...
    def to(self, device: Any) -> Any: ...


@dataclass(frozen=True, eq=False)
class DictionaryEdit(Edit):
    """An edit at the site a dictionary writes, made from the activation at the one it reads."""

    dictionary: Coder

    @property
    def source(self) -> Site | None:
        """The dictionary's input, where that is another site than the one it writes."""
        return None if self.dictionary.site_in == self.site else self.dictionary.site_in

    def apply(self, x: Tensor) -> Tensor:
        return self.apply_from(x, x)


@dataclass(frozen=True, eq=False)
class Clamp(DictionaryEdit):
    """Set (or scale) features of a dictionary; made by `dictionary.clamp`, `scale`, `ablate`.

    `value` is a number per feature, or a tensor that broadcasts to "batch pos chosen".
    """

    features: tuple[int, ...]
    value: Tensor
    how: str = "set"

    def apply_from(self, x: Tensor, seen: Tensor) -> Tensor:
        with torch.set_grad_enabled(x.requires_grad or seen.requires_grad):
            chosen = torch.tensor(self.features, device=seen.device)
            change = self.change(seen)
            delta = self.dictionary.to(seen.device).write(change, chosen, seen)
        return torch.where((change != 0).any(-1, keepdim=True), x.float() + delta, x.float())

    def change(self, seen: Tensor) -> Tensor:
        """By how much each of the features changes: "batch pos chosen"."""
        f = self.dictionary.to(seen.device).encode(seen)[..., list(self.features)]
        target = self._fitting(f)
        return target - f if self.how == "set" else (target - 1) * f

    def _fitting(self, f: Tensor) -> Tensor:
        try:
            return self.value.to(f).expand(f.shape)
        except RuntimeError:
            raise InputError(
                f"The value for {len(self.features)} features has shape {tuple(self.value.shape)} "
                f"and their activations {tuple(f.shape)} (batch, pos, features); give a number "
                f"per feature or a tensor that broadcasts to it."
            ) from None
