"""Features of a batch under the k largest latents, sparse on a CPU and dense on an accelerator.

Both give the same numbers. The sparse way chooses in bf16 where the processor multiplies it in
hardware, and recomputes what it chose in fp32; the dense way leaves precision to autocast.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from microtome.dictionaries.kernels import Chosen, batch_top, decode, sampled_product, top_ids


@dataclass(frozen=True, eq=False)
class Encoder:
    """One batch's way from activations to features."""

    w: Float[Tensor, "d_dict d"]
    bias: Float[Tensor, " d_dict"]
    k: int
    batch: bool = False
    """Choose k per token on average over the batch instead of k of every token."""
    among: Int[Tensor, " candidates"] | None = None
    """Only these latents may be chosen (k of every token); None is all."""

    @property
    def width(self) -> int:
        return len(self.w) if self.among is None else len(self.among)

    def candidates(self) -> tuple[Tensor, Tensor]:
        """Encoder rows and biases of the latents that may be chosen."""
        if self.among is None:
            return self.w, self.bias
        return self.w[self.among], self.bias[self.among]

    def choose(self, pre: Float[Tensor, "tokens width"]) -> Chosen:
        """The latents that the largest pre-activations belong to."""
        if self.batch:
            return batch_top(pre, min(self.k * len(pre), pre.numel()))
        ids = top_ids(pre, min(self.k, self.width))
        return Chosen.regular(ids if self.among is None else self.among[ids], len(self.w))


@dataclass(frozen=True, eq=False)
class Sparse:
    """Features as the entries that were chosen."""

    values: Float[Tensor, " entries"]
    chosen: Chosen

    @staticmethod
    def of(x: Tensor, encoder: Encoder) -> Sparse:
        with torch.no_grad():
            w, bias = (t.to(_selection()) for t in encoder.candidates())
            chosen = encoder.choose(torch.addmm(bias, x.to(w.dtype), w.T))
        values = torch.relu(sampled_product(x, encoder.w, encoder.bias, chosen))
        if not encoder.batch:
            return Sparse(values, chosen)
        kept = _largest(values.detach(), encoder.k * len(x))
        return Sparse(values[kept], chosen.keep(kept))

    def decode(self, w: Tensor) -> Tensor:
        return decode(self.values, w, self.chosen)

    def within(self, start: int, stop: int) -> Sparse:
        """The features numbered start to stop − 1."""
        kept = (self.chosen.ids >= start) & (self.chosen.ids < stop)
        return Sparse(self.values[kept], self.chosen.keep(kept))

    def active(self) -> Tensor:
        """The positive values."""
        return self.values.detach()[self.values.detach() > 0]

    def fired(self) -> Int[Tensor, " d_dict"]:
        """How many tokens each latent fired on."""
        ids = self.chosen.ids[self.values.detach() > 0]
        return torch.bincount(ids, minlength=self.chosen.d_dict)


@dataclass(frozen=True, eq=False)
class Dense:
    """Features as a whole matrix, "tokens d_dict"."""

    f: Float[Tensor, "tokens d_dict"]

    @staticmethod
    def of(x: Tensor, encoder: Encoder) -> Dense:
        f = torch.relu(F.linear(x, *encoder.candidates()))
        if encoder.batch:
            flat = f.detach().flatten()
            top = flat.topk(min(encoder.k * len(x), len(flat)), sorted=False).indices
            return Dense(f * torch.zeros_like(flat).index_fill_(0, top, 1).view_as(f))
        best = f.topk(min(encoder.k, encoder.width), dim=-1, sorted=False)
        ids = best.indices if encoder.among is None else encoder.among[best.indices]
        whole = torch.zeros(len(x), len(encoder.w), dtype=f.dtype, device=x.device)
        return Dense(whole.scatter(-1, ids, best.values))

    def decode(self, w: Tensor) -> Tensor:
        return self.f @ w

    def within(self, start: int, stop: int) -> Dense:
        kept = torch.zeros_like(self.f[0])
        kept[start:stop] = 1
        return Dense(self.f * kept)

    def active(self) -> Tensor:
        return self.f.detach()[self.f.detach() > 0]

    def fired(self) -> Int[Tensor, " d_dict"]:
        return (self.f.detach() > 0).sum(0)


Features = Sparse | Dense


def features(x: Tensor, encoder: Encoder, sparse: bool) -> Features:
    """The chosen features of "tokens d" activations."""
    return Sparse.of(x, encoder) if sparse else Dense.of(x, encoder)


def _largest(values: Float[Tensor, " entries"], count: int) -> Tensor:
    """Where the `count` largest positive values are."""
    if count >= len(values):
        return values > 0
    smallest = values.kthvalue(len(values) - count + 1).values
    return (values >= smallest) & (values > 0)


@lru_cache(maxsize=1)
def _selection() -> torch.dtype:
    """bf16 where the processor multiplies it in hardware; elsewhere it would be slower."""
    fast = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if fast else torch.float32
