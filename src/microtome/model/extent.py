"""Which rows and positions of a batch an edit touches; the rest keep their bits."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor

from microtome.errors import InputError
from microtome.model.edit import Edit
from microtome.model.tokens import Tokens


@dataclass(frozen=True, eq=False)
class Extent:
    """The rows (None: all) and the mask of positions "rows pos 1" in them."""

    rows: Tensor | None
    where: Bool[Tensor, "rows pos 1"]

    def part(self, x: Tensor) -> Tensor:
        """The touched rows of "batch ..."."""
        return x if self.rows is None else x[self.rows]

    def change(self, x: Tensor, new: Callable[[Tensor], Tensor]) -> Tensor:
        """x with `new` of its touched rows put at the touched positions."""
        part = self.part(x)
        return self.put(x, torch.where(self.where, new(part).to(part.dtype), part))

    def put(self, x: Tensor, part: Tensor) -> Tensor:
        """x with its touched rows replaced by `part`."""
        return part if self.rows is None else x.index_copy(0, self.rows, part)


def extent_of(edit: Edit, tokens: Tokens, bos: int | None = None) -> tuple[Extent, Edit]:
    """The extent of an edit, and the edit with its value narrowed to the touched rows."""
    where = tokens.select(edit.positions, None)
    if not edit.bos and bos is not None:
        where &= tokens.ids != bos
    where = where[..., None]
    if edit.rows is None:
        return Extent(None, where), edit
    count = len(tokens.ids)
    if not edit.rows or not all(0 <= row < count for row in edit.rows):
        raise InputError(
            f"rows={edit.rows} at {edit.site} does not name rows of a batch of {count}; "
            f"use 0 to {count - 1}."
        )
    rows = torch.tensor(edit.rows, device=where.device)
    changes: dict[str, Any] = {
        name: value[rows.to(value.device)]
        for name in ("value", "mean")
        if isinstance(value := getattr(edit, name, None), Tensor)
        and value.ndim >= 3
        and value.shape[0] == len(tokens.ids) > 1
    }
    return Extent(rows, where[rows]), replace(edit, **changes) if changes else edit
