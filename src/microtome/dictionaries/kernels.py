"""Sparse arithmetic of a top-k dictionary: after the selection nothing costs d_dict · d any more.

With the chosen latents of every token as a list of ids,

    values      v_bj = ⟨x_b, W[id_bj]⟩ + bias            a product sampled at the ids
    decode      ŷ_b  = Σ_j v_bj W[id_bj]                 a bag of rows per token
    dW          Σ_(b,j: id = l) v_bj · dŷ_b              a bag of tokens per latent

The last is the second over the transposed list, which one sort of the ids gives; both are
`embedding_bag`. Gradients equal those of the dense products. Gao et al. 2024, arXiv 2406.04093.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable


@dataclass(frozen=True, eq=False)
class Chosen:
    """Which latents each token uses: `ids` and `rows` (the token), in the order of tokens."""

    ids: Int[Tensor, " entries"]
    rows: Int[Tensor, " entries"]
    starts: Int[Tensor, " tokens"]
    """Where each token's entries begin."""
    d_dict: int

    @staticmethod
    def regular(ids: Int[Tensor, "tokens k"], d_dict: int) -> Chosen:
        """The same number of latents for every token."""
        tokens, k = ids.shape
        starts = torch.arange(0, tokens * k, k)
        return Chosen(ids.reshape(-1), torch.arange(tokens).repeat_interleave(k), starts, d_dict)

    def keep(self, mask: Tensor) -> Chosen:
        """Only the entries where `mask` is true."""
        rows = self.rows[mask]
        counts = torch.bincount(rows, minlength=len(self.starts))
        return Chosen(self.ids[mask], rows, counts.cumsum(0) - counts, self.d_dict)

    @cached_property
    def transposed(self) -> tuple[Tensor, Tensor, Tensor]:
        """(order, rows, starts): entries sorted by latent, their tokens, each latent's start."""
        sorted_ids, order = self.ids.to(torch.int32).sort(stable=True)
        counts = torch.bincount(sorted_ids, minlength=self.d_dict)
        return order, self.rows[order], counts.cumsum(0) - counts

    def counts(self) -> Int[Tensor, " d_dict"]:
        """How many tokens use each latent."""
        return torch.bincount(self.ids, minlength=self.d_dict)


def top_ids(pre: Float[Tensor, "tokens d_dict"], k: int) -> Int[Tensor, "tokens k"]:
    """Ids of the k largest of each row, exactly, in no particular order.

    The k largest lie in the k groups with the largest maxima, so two short selections do.
    """
    tokens, width = pre.shape
    group = _group(width, k)
    if group == 1:
        return pre.topk(k, dim=-1, sorted=False).indices
    stride = width // group
    maxima = pre.view(tokens, group, stride).amax(1)
    best = maxima.topk(k, dim=-1, sorted=False).indices
    members = best.unsqueeze(1) + torch.arange(0, width, stride).view(1, group, 1)
    candidates = members.view(tokens, group * k)
    inner = pre.gather(1, candidates).topk(k, dim=-1, sorted=False).indices
    return candidates.gather(1, inner)


def batch_top(pre: Float[Tensor, "tokens d_dict"], count: int, room: float = 1.25) -> Chosen:
    """At least the `count` largest positive entries of a whole batch, and not many more.

    A sixteenth of the tokens tells a threshold that lets `room` times as many through; should it
    let too few, the exact one is used.
    """
    sample = pre[::16].float().flatten()
    rank = min(len(sample), math.ceil(room * count * len(sample) / pre.numel()))
    found = _where(pre > sample.kthvalue(len(sample) - rank + 1).values.clamp(min=0))
    if len(found.ids) < count:
        exact = pre.float().flatten().kthvalue(max(1, pre.numel() - count + 1)).values
        found = _where((pre >= exact) & (pre > 0))
    return found


def _where(mask: Tensor) -> Chosen:
    rows, ids = torch.nonzero(mask, as_tuple=True)
    counts = torch.bincount(rows, minlength=len(mask))
    return Chosen(ids, rows, counts.cumsum(0) - counts, mask.shape[1])


def _group(width: int, k: int) -> int:
    """The power of two nearest sqrt(width / k) that divides the width, or 1."""
    group = 1
    while group * group * 2 * k <= width and width % (2 * group) == 0:
        group *= 2
    return group if width // group >= k else 1


def sampled_product(x: Tensor, w: Tensor, bias: Tensor, chosen: Chosen) -> Float[Tensor, " e"]:
    """⟨x_row, w_id⟩ + bias_id of every entry; gradients for `w` and `bias`, none for `x`."""
    found: Tensor = _SampledProduct.apply(x, w, bias, chosen)
    return found


def decode(values: Float[Tensor, " e"], w: Tensor, chosen: Chosen) -> Float[Tensor, "tokens d"]:
    """Σ values · w_id over each token's entries; gradients for `values` and `w`."""
    found: Tensor = _Decode.apply(values, w, chosen)
    return found


def _bags(ids: Tensor, w: Tensor, starts: Tensor, values: Tensor) -> Tensor:
    return F.embedding_bag(ids, w, starts, per_sample_weights=values, mode="sum")


def _dots(x: Tensor, w: Tensor, chosen: Chosen) -> Tensor:
    """⟨x_row, w_id⟩: the derivative of a bag's sum by its weights, which torch has as a kernel."""
    kernel = torch.ops.aten._embedding_bag_per_sample_weights_backward
    found: Tensor = kernel(x, w, chosen.ids, chosen.starts, chosen.rows, 0)
    return found


def _transposed_bags(values: Tensor, x: Tensor, chosen: Chosen) -> Tensor:
    order, rows, starts = chosen.transposed
    return _bags(rows, x, starts, values[order])


class _SampledProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, w: Tensor, bias: Tensor, chosen: Chosen) -> Tensor:
        ctx.x, ctx.chosen = x, chosen
        return _dots(x, w, chosen) + bias[chosen.ids]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        by_w = _transposed_bags(grad, ctx.x, ctx.chosen)
        by_bias = torch.bincount(ctx.chosen.ids, grad, minlength=ctx.chosen.d_dict)
        return None, by_w, by_bias.to(grad.dtype), None


class _Decode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, w: Tensor, chosen: Chosen) -> Tensor:
        ctx.save_for_backward(values, w)
        ctx.chosen = chosen
        return _bags(chosen.ids, w, chosen.starts, values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
        values, w = ctx.saved_tensors
        grad = grad.contiguous()
        return _dots(grad, w, ctx.chosen), _transposed_bags(values, grad, ctx.chosen), None
