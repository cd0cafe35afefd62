"""ReLU and JumpReLU dictionaries while they learn: a penalty makes them sparse.

    ReLU       ‖y − ŷ‖² / Var + λ Σ f / √d                       Bricken et al. 2023
    JumpReLU   ‖y − ŷ‖² / Var + λ Σ [pre > θ]                    Rajamanoharan et al. 2024b

The step function has no gradient; θ gets a straight-through one, a kernel of width ε around it.
λ is steered to an L0 by a controller, or fixed, and then rises over the first tenth:

    e = log(L0 of the batch / L0 aimed at)
    log λ ← log λ + I min(1, max(−1, e)) + P (e − e of the step before)

JumpReLU starts at its target and is held there. ReLU starts dense and small: its I grows with the
training, because directions that were not found before λ is large are not found any more.
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
_FASTEST = 0.05
"""Largest I of the controller, per step."""
_REACH = 8.4
"""By how much log λ of a ReLU can grow over a whole training."""
_RANGE = 1e4
"""A weight stays within this factor of its start: an L0 out of reach must not run away with it."""


class Penalised(Flat):
    """What both share."""

    recipe: recipes.Penalised
    start_share = 0.0
    """What the penalty is of the variance at the L0 that is aimed at, when steering begins."""
    proportional = 1.0
    """P of the controller."""

    def __init__(self, recipe: recipes.Penalised, d_in: int, d_out: int, dead_after: int) -> None:
        super().__init__(recipe, d_in, d_out, dead_after)
        self.start_weight = self.start_share / recipe.aim
        fixed = self.start_weight if recipe.fixed is None else recipe.fixed
        self.register_buffer("weight", torch.tensor(float(fixed)))
        self.register_buffer("excess", torch.zeros(()))
        self.register_buffer("done", torch.zeros((), dtype=torch.float64))
        self.weight: Tensor
        self.excess: Tensor
        self.done: Tensor

    def pre(self, x: Tensor) -> Tensor:
        """Pre-activations of normed inputs, negative ones as 0, in fp32."""
        return torch.relu(F.linear(x, self.w_enc, self.b_enc)).float()

    def features(self, pre: Tensor) -> Tensor:
        """Dense features."""
        return pre

    def penalty(self, pre: Tensor) -> Tensor:
        """What the weight multiplies, per token."""
        raise NotImplementedError

    def integral(self, done: float) -> float:
        """I of the controller at this share of the training."""
        return _FASTEST

    @torch.no_grad()
    def start(self, x: Tensor, y: Tensor) -> None:
        super().start(x, y)
        fired = self.features(self.pre(self.normed(x, y)[0])) > 0
        self.excess.copy_(self.beyond(fired.sum() / len(x)))

    def beyond(self, l0: Tensor) -> Tensor:
        """By how much, as a logarithm, more latents fire than are aimed at."""
        return (l0.clamp(min=1e-3) / self.recipe.aim).log()

    @torch.no_grad()
    def steer(self, l0: Tensor, done: float) -> None:
        """The next step's weight, by how many latents fired too much on this one."""
        excess = self.beyond(l0)
        change = self.proportional * (excess - self.excess)
        self.weight.mul_((self.integral(done) * excess.clamp(-1, 1) + change).exp())
        self.weight.clamp_(self.start_weight / _RANGE, self.start_weight * _RANGE)
        self.excess.copy_(excess)
        self.done.fill_(done)

    def reconstruction(self, x: Tensor) -> Tensor:
        return self.features(self.pre(x)) @ self.w_dec

    def forward(self, x: Tensor, y: Tensor, done: float) -> Outcome:
        """The loss of a batch."""
        x, y = self.normed(x, y)
        pre = self.pre(x)
        f = self.features(pre)
        fvu = self.share(y - self.base(x) - f @ self.w_dec)
        rise = 1.0 if self.recipe.fixed is None else min(1.0, done / _RISE)
        penalty = self.weight * rise * self.penalty(pre)
        firing = f.detach() > 0
        l0 = firing.sum() / len(x)
        parts = {"fvu": fvu.detach(), "l0": l0, "penalty": penalty.detach()}
        parts["weight"] = self.weight.clone()
        if self.training and self.recipe.fixed is None:
            self.steer(l0, done)
        return Outcome(fvu + penalty, parts, firing.sum(0))


class Shrinking(Penalised):
    """ReLU with L1; decoder rows have unit norm, so that it cannot be cheated."""

    recipe: recipes.ReLU
    start_share = 1.0
    start_scale = 0.05

    def integral(self, done: float) -> float:
        return min(_FASTEST, _REACH * 2 * done * (done - float(self.done)))

    def penalty(self, pre: Tensor) -> Tensor:
        return pre.sum(-1).mean() / float(self.w_dec.shape[1] ** 0.5)

    def nonlinearity(self) -> Nonlinearity:
        return ReLU()


class Jumping(Penalised):
    """JumpReLU; a threshold is learnt as it is, with a learning rate of its own."""

    recipe: recipes.JumpReLU
    start_share = 0.1
    proportional = 2.0

    def __init__(self, recipe: recipes.JumpReLU, d_in: int, d_out: int, dead_after: int) -> None:
        super().__init__(recipe, d_in, d_out, dead_after)
        self.threshold = nn.Parameter(torch.zeros(recipe.d_dict))

    def settle(self, x: Tensor) -> None:
        """Thresholds that let as many latents fire on the first batch as are aimed at."""
        if self.recipe.start_threshold is not None:
            self.threshold.fill_(self.recipe.start_threshold)
            return
        pre = self.pre(x).flatten()
        silent = max(1, len(pre) - round(self.recipe.aim * len(x)))
        self.threshold.fill_(pre.kthvalue(silent).values)

    def features(self, pre: Tensor) -> Tensor:
        found: Tensor = _Jump.apply(pre, self.threshold, self.recipe.bandwidth)
        return found

    def penalty(self, pre: Tensor) -> Tensor:
        l0: Tensor = _Step.apply(pre.detach(), self.threshold, self.recipe.bandwidth)
        return l0.sum(-1).mean()

    @torch.no_grad()
    def after_update(self, fired: Tensor, tokens: int) -> None:
        super().after_update(fired, tokens)
        self.threshold.clamp_(min=0)

    def nonlinearity(self) -> Nonlinearity:
        return JumpReLU((self.threshold / self.scale_out).detach().cpu())


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
