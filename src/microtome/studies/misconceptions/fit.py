"""How well a dictionary explains the tokens of some prompts: sums per prompt, without BOS.

Each prompt keeps its own mean state and the spread around it, from which the variance around the
one mean of all prompts follows. So L0 and FVU do not depend on which prompts shared a pass.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from microtome.lab.study import Arrays
from microtome.statistics import Floats

if TYPE_CHECKING:
    import pandas as pd

_SUMS = ("ordinary", "firing", "error", "spread")


@dataclass(frozen=True, eq=False)
class Fit:
    """Per prompt: sums over its tokens, and their mean state."""

    ordinary: Floats
    """Tokens that are not BOS."""
    firing: Floats
    """Features that fire, summed over tokens."""
    error: Floats
    """Squared error of the reconstruction; nan for a transcoder, which reconstructs no input."""
    spread: Floats
    """Squared distances of the states from the prompt's own mean."""
    mean: Floats
    """ "prompt d_model"."""

    @classmethod
    def of(cls, prompt: Tensor, x: Tensor, features: Tensor, rest: Tensor | None, n: int) -> "Fit":
        """From tokens' states, features and errors, and the number of the prompt each is of."""
        one = torch.nn.functional.one_hot(prompt, n).double().T
        states, ordinary = x.double(), one.sum(1)
        mean = (one @ states) / ordinary.clamp(min=1)[:, None]
        spread = one @ (states - mean[prompt]).pow(2).sum(-1)
        firing = one @ (features > 0).sum(-1).double()
        none = torch.full_like(ordinary, torch.nan)
        error = none if rest is None else one @ rest.double().pow(2).sum(-1)
        return cls(*(v.cpu().numpy() for v in (ordinary, firing, error, spread, mean)))

    @classmethod
    def joined(cls, parts: "Sequence[Fit]") -> "Fit":
        """Prompts of one after those of the other."""
        names = (*_SUMS, "mean")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    @classmethod
    def of_run(cls, table: "pd.DataFrame", arrays: Arrays, layer: int) -> "Fit":
        """What the features step kept of one layer."""
        own = table[table["layer"] == layer]
        mean = np.concatenate(list(arrays[f"means_layer_{layer}"].values()))
        return cls(*[*(own[name].to_numpy(float) for name in _SUMS), mean])

    def rows(self) -> list[dict[str, Any]]:
        """The sums as columns, one row per prompt; an error that is not defined is None."""
        columns = (getattr(self, name) for name in _SUMS)
        return [
            {name: None if np.isnan(v) else float(v) for name, v in zip(_SUMS, row, strict=True)}
            for row in zip(*columns, strict=True)
        ]

    @property
    def variance(self) -> Floats:
        """Per prompt the squared distances of its states from the mean over all prompts' tokens."""
        overall = self.ordinary @ self.mean / self.ordinary.sum()
        return np.asarray(self.spread + self.ordinary * ((self.mean - overall) ** 2).sum(-1))

    @property
    def l0(self) -> float:
        """Features that fire at a token."""
        return float(self.firing.sum() / self.ordinary.sum())

    @property
    def fvu(self) -> float | None:
        """Share of the variance that the reconstruction leaves; None for a transcoder."""
        found = float(self.error.sum() / self.variance.sum())
        return None if np.isnan(found) else found
