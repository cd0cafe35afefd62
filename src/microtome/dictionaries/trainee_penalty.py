"""ReLU and JumpReLU dictionaries while they learn: a penalty makes them sparse.

    ReLU       ‖y − ŷ‖² / Var + λ Σ f / √d                       Bricken et al. 2023
    JumpReLU   ‖y − ŷ‖² / Var + λ Σ [pre > θ]                    Rajamanoharan et al. 2024b

The step function has no gradient; θ gets a straight-through one, a kernel of width ε around it.
λ rises linearly over the first tenth of the training.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from microtome.dictionaries import recipes
from microtome.dictionaries.nonlinearity import JumpReLU, Nonlinearity, ReLU
from microtome.dictionaries.trainee import Outcome, trainee_of
from microtome.dictionaries.trainee_flat import Flat

_RISE = 0.1


class Penalised(Flat):
    """What both share."""

    def encode(self, x: Tensor) -> Tensor:
        """Dense features of normed inputs."""
        return torch.relu(F.linear(x, self.w_enc, self.b_enc))

    def penalty(self, x: Tensor, f: Tensor) -> Tensor:
        """The weighted sparsity penalty, before its rise."""
        raise NotImplementedError

    def reconstruction(self, x: Tensor) -> Tensor:
        return self.encode(x) @ self.w_dec

    def forward(self, x: Tensor, y: Tensor, done: float) -> Outcome:
        """The loss of a batch."""
        x, y = self.normed(x, y)
        f = self.encode(x)
        fvu = self.share(y - self.base(x) - f @ self.w_dec)
        penalty = self.penalty(x, f) * min(1.0, done / _RISE)
        firing = f.detach() > 0
        parts = {"fvu": fvu.detach(), "l0": firing.sum() / len(x), "penalty": penalty.detach()}
        return Outcome(fvu + penalty, parts, firing.sum(0))


class Shrinking(Penalised):
    """ReLU with L1; decoder rows have unit norm, so that it cannot be cheated."""

    recipe: recipes.ReLU

    def penalty(self, x: Tensor, f: Tensor) -> Tensor:
        return self.recipe.l1 * f.float().sum(-1).mean() / f.new_tensor(self.w_dec.shape[1]).sqrt()

    def nonlinearity(self) -> Nonlinearity:
        return ReLU()


class Jumping(Penalised):
    """JumpReLU; thresholds are kept as logarithms."""

    recipe: recipes.JumpReLU

    def __init__(self, recipe: recipes.JumpReLU, d_in: int, d_out: int, dead_after: int) -> None:
        super().__init__(recipe, d_in, d_out, dead_after)
        start = torch.full((recipe.d_dict,), recipe.start_threshold)
        self.log_threshold = nn.Parameter(start.log())

    def encode(self, x: Tensor) -> Tensor:
        pre = super().encode(x).float()
        found: Tensor = _Jump.apply(pre, self.log_threshold.exp(), self.recipe.bandwidth)
        return found

    def penalty(self, x: Tensor, f: Tensor) -> Tensor:
        pre = super().encode(x).float().detach()
        l0: Tensor = _Step.apply(pre, self.log_threshold.exp(), self.recipe.bandwidth)
        return self.recipe.sparsity * l0.sum(-1).mean()

    def nonlinearity(self) -> Nonlinearity:
        return JumpReLU((self.log_threshold.exp() / self.scale_out).detach().cpu())


@trainee_of.register
def _(recipe: recipes.ReLU, d_in: int, d_out: int, dead_after: int, sparse: bool) -> Shrinking:
    return Shrinking(recipe, d_in, d_out, dead_after)


@trainee_of.register
def _(recipe: recipes.JumpReLU, d_in: int, d_out: int, dead_after: int, sparse: bool) -> Jumping:
    return Jumping(recipe, d_in, d_out, dead_after)


class _Jump(torch.autograd.Function):
    """pre · [pre > θ]."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.width = width
        return pre * (pre > threshold)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        pre, threshold = ctx.saved_tensors
        near = ((pre - threshold).abs() < ctx.width / 2).to(grad.dtype) / ctx.width
        return grad * (pre > threshold), -(threshold * near * grad).sum(0), None


class _Step(torch.autograd.Function):
    """[pre > θ]."""

    @staticmethod
    def forward(ctx: Any, pre: Tensor, threshold: Tensor, width: float) -> Tensor:
        ctx.save_for_backward(pre, threshold)
        ctx.width = width
        return (pre > threshold).to(pre.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        pre, threshold = ctx.saved_tensors
        near = ((pre - threshold).abs() < ctx.width / 2).to(grad.dtype) / ctx.width
        return None, -(near * grad).sum(0), None
