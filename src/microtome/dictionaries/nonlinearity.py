"""From pre-activations to sparse codes: one frozen value per activation function.

Each takes the encoder's product p = W_enc (norm(x) − b_in) and its bias b:

    ReLU        relu(p + b)
    TopK        the k largest of p + b, then relu (or relu first, which gives the same)
    JumpReLU    (p + b) · [p + b > θ] · [p + b > 0]                 Rajamanoharan et al. 2024b
    Gated       [p + b_gate > 0] · relu(p · exp(r) + b)             Rajamanoharan et al. 2024a

A batch top-k dictionary is trained with B·k over the batch and used as a JumpReLU.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Nonlinearity:
    """What all share; use one of its subclasses."""

    @property
    def name(self) -> str:
        return type(self).__name__

    def __call__(
        self, product: Float[Tensor, "*batch d_dict"], bias: Float[Tensor, " d_dict"]
    ) -> Float[Tensor, "*batch d_dict"]:
        raise NotImplementedError

    def to(self, device: Any) -> "Nonlinearity":
        """The same with its tensors on another device."""
        tensors = {k: v.to(device) for k, v in vars(self).items() if isinstance(v, Tensor)}
        return replace(self, **tensors) if tensors else self


@dataclass(frozen=True, eq=False)
class ReLU(Nonlinearity):
    """relu(pre)."""

    def __call__(self, product: Tensor, bias: Tensor) -> Tensor:
        return torch.relu(product + bias)


@dataclass(frozen=True, eq=False)
class TopK(Nonlinearity):
    """The k largest pre-activations of each token; negative ones count as 0."""

    k: int

    def __call__(self, product: Tensor, bias: Tensor) -> Tensor:
        top = torch.relu(product + bias).topk(self.k, dim=-1)
        return torch.zeros_like(product).scatter_(-1, top.indices, top.values)


@dataclass(frozen=True, eq=False)
class JumpReLU(Nonlinearity):
    """relu(pre) where pre > threshold ("d_dict", or one for all)."""

    threshold: Float[Tensor, "*d_dict"]

    def __call__(self, product: Tensor, bias: Tensor) -> Tensor:
        pre = product + bias
        return torch.relu(pre) * (pre > self.threshold)


@dataclass(frozen=True, eq=False)
class Gated(Nonlinearity):
    """A gate decides what fires, a rescaled copy of the same product how much."""

    gate_bias: Float[Tensor, " d_dict"]
    log_rescale: Float[Tensor, " d_dict"]

    def __call__(self, product: Tensor, bias: Tensor) -> Tensor:
        open_ = product + self.gate_bias > 0
        return open_ * torch.relu(product * self.log_rescale.float().exp() + bias)
