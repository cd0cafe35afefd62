"""What the training loop knows of a dictionary that learns.

The loop calls `start` on the first batch, then per step `forward`, backward, `before_update`, the
optimiser, `after_update`; `export` gives the dictionary. A dictionary of another shape joins by a
recipe of its own, a module of this protocol, and `@trainee_of.register`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from typing import Any, Protocol

from jaxtyping import Int
from torch import Tensor, nn

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.recipes import Recipe
from microtome.errors import ConfigError


@dataclass(frozen=True, eq=False)
class Outcome:
    """One forward pass: the loss, its named parts and statistics, and who fired."""

    loss: Tensor
    parts: Mapping[str, Tensor]
    """At least "fvu" and "l0", detached."""
    fired: Int[Tensor, " d_dict"]


class Trainee(Protocol):
    """A dictionary that learns; an `nn.Module` whose buffers hold all the rest of its state."""

    recipe: Recipe

    def start(self, x: Tensor, y: Tensor) -> None: ...
    def forward(self, x: Tensor, y: Tensor, done: float) -> Outcome: ...
    def before_update(self) -> None: ...
    def after_update(self, fired: Tensor, tokens: int) -> None: ...
    def dead(self) -> float: ...
    def export(self) -> Dictionary: ...


@singledispatch
def trainee_of(recipe: Any, d_in: int, d_out: int, dead_after: int, sparse: bool) -> nn.Module:
    """The Trainee that learns a recipe; every kind of recipe registers its own."""
    raise ConfigError(
        f"No trainee is registered for a {type(recipe).__name__}; give one of the recipes in "
        f"microtome.dictionaries.recipes."
    )
