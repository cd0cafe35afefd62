"""Sets of features taken out by the delta rule, and what that does to both answers.

    Δ = log p(correct) − log p(misconception),      change = Δ(ablated) − Δ(baseline)

An ablated feature is set to 0, to its mean over the tokens of the pairs to select on, or to its
value at one of those tokens drawn at random (the same token for all features of a set). BOS stays
as it is; what the dictionary does not explain stays too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

import microtome as mt
from microtome.files import digest
from microtome.model.edit import Edit
from microtome.statistics import Floats
from microtome.studies.misconceptions.codes import Codes
from microtome.studies.misconceptions.scoring import Row, score

if TYPE_CHECKING:
    from microtome.dictionaries.dictionary import Dictionary


@dataclass(frozen=True, eq=False)
class Ablation:
    """How features of one layer are ablated; `pool` are the tokens whose values stand in."""

    dictionary: "Dictionary"
    mode: str
    positions: str
    pool: Codes
    seed: int

    def edits(
        self, features: Sequence[int], last: tuple[int, ...], batch: tuple[Row, ...]
    ) -> list[Edit]:
        """The edit of a batch whose prompts end at position `last`."""
        at = last if self.positions == "last" else None
        return [self.dictionary.ablate(list(features), self._value(features, batch), positions=at)]

    def ablated(self, features: Sequence[int]) -> tuple[int, ...]:
        """These features, and at 0 those that cannot fire without them."""
        return self.dictionary.ablate(features).features if self.mode == "zero" else tuple(features)

    def _value(self, features: Sequence[int], batch: tuple[Row, ...]) -> float | Tensor:
        if self.mode == "zero":
            return 0.0
        own = np.stack([self.pool.of_feature(feature) for feature in features], axis=1)
        if self.mode == "mean":
            return torch.as_tensor(own.mean(0), dtype=torch.float32)
        rows = [[row.prompt, *row.ids] for row in batch]
        key = digest({"seed": self.seed, "features": list(features), "rows": rows})
        rng = np.random.default_rng(int(key[:16], 16))
        shape = (len(batch), max(len(row.ids) for row in batch))
        return torch.as_tensor(own[rng.integers(len(own), size=shape)], dtype=torch.float32)


def scored_without(
    model: "mt.Model",
    rows: Sequence[Row],
    ablation: Ablation,
    features: Sequence[int],
    max_rows: int,
) -> Floats:
    """log p of both answers "prompt answer" with these features ablated."""
    found = score(model, rows, max_rows, lambda last, batch: ablation.edits(features, last, batch))
    return np.asarray(found.numpy())


def difference(scores: Floats) -> Floats:
    """Δ of each prompt from log p of both answers."""
    found: Floats = scores[:, 0] - scores[:, 1]
    return found
