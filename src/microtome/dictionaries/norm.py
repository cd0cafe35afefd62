"""How a dictionary's input is normalised: x = scale · normed + shift, per token.

    none        scale 1, shift 0                        (fixed scalars are folded into the weights)
    constant    scale ‖x‖ / √d, shift 0                 SAELens's constant_norm_rescale
    layer       scale std(x), shift mean(x)             SAELens's layer_norm, which divides by
    unit        scale ‖x‖, shift 0                      std(x) + 1e-5; unit: hierarchical SAEs

What the features write is multiplied by the same scale, which is the token's own.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True)
class InputNorm:
    """One of the kinds above."""

    kind: Literal["none", "constant", "layer", "unit"] = "none"

    def of(
        self, x: Float[Tensor, "*batch d"]
    ) -> tuple[Float[Tensor, "*batch 1"], Float[Tensor, "*batch 1"]]:
        """(scale, shift) of each token."""
        zero = torch.zeros_like(x[..., :1])
        if self.kind == "none":
            return zero + 1, zero
        if self.kind == "layer":
            return x.std(-1, keepdim=True), x.mean(-1, keepdim=True)
        length = x.norm(dim=-1, keepdim=True).clamp(min=1e-12)
        return (length / x.shape[-1] ** 0.5 if self.kind == "constant" else length), zero

    def normed(self, x: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch d"]:
        """What the encoder and a skip see of x."""
        if self.kind == "none":
            return x
        scale, shift = self.of(x)
        return (x - shift) / (scale + 1e-5 if self.kind == "layer" else scale)


NONE = InputNorm()
