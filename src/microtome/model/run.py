"""What one forward pass leaves behind: tokens, logits and the activations that were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.errors import SiteError
from microtome.model.ports import Key
from microtome.model.site import AXES, Site, Span, positions_of
from microtome.model.tokens import Tokens

if TYPE_CHECKING:
    from microtome.model.model import Model


@dataclass(frozen=True, eq=False)
class Run:
    """One forward pass of `model`; `run[site]` gives an activation that was read.

    `logits` is "batch pos vocab", or "batch vocab" when only the last position was asked for.
    """

    model: "Model"
    tokens: Tokens
    logits: Float[Tensor, "batch *pos vocab"]
    caught: Mapping[Key, Tensor] = field(repr=False)
    deltas: Mapping[Key, Tensor] = field(default_factory=dict, repr=False)
    edited: bool = False

    def __getitem__(self, site: Site) -> Tensor:
        """The activation at a site: "*kept_axes batch pos d"; SiteError if it was not read."""
        sizes = self.model.parts.sizes
        singles = [self._single(s) for s in site.expand(sizes)]
        kept = [
            len(positions_of(i, sizes[axis], axis, site))
            for i, axis in zip(site.index, AXES[site.kind], strict=True)
            if isinstance(i, Span)
        ]
        stacked = torch.stack([single.to(singles[0].device) for single in singles])
        return stacked.reshape(*kept, *stacked.shape[1:])

    @property
    def final_logits(self) -> Float[Tensor, "batch vocab"]:
        """Logits at each row's last real token."""
        return self.logits if self.logits.ndim == 2 else self.tokens.of_last(self.logits)

    def last(self, site: Site) -> Tensor:
        """The same at each row's last real token: "*kept_axes batch d"."""
        x = self[site]
        rows = torch.arange(x.shape[-3], device=x.device)
        return x[..., rows, self.tokens.last.to(x.device), :]

    def gradient(self, site: Site) -> Tensor:
        """d metric / d activation at a captured site, of a run made with `grad=`.

        At `head_out` it is the derivative by the head's write before a post-norm, whose scale
        moves with it: the projection sums the heads, so all heads of a layer share it.
        """
        (site,) = self._one(site)
        kind = {"head_out": "o_proj_out", "attn_z": "head_z"}.get(site.kind, site.kind)
        caught = self._caught(kind, site.layer, site)
        if caught.grad is None:
            raise SiteError(f"No gradient at {site}: make the run with grad=metric and read=[...].")
        return self._sliced(caught.grad, site)

    def _one(self, site: Site) -> list[Site]:
        if any(isinstance(index, Span) for index in site.index):
            raise SiteError(f"{site} names several sites; ask for one gradient at a time.")
        return site.expand(self.model.parts.sizes)

    def head_write(self, site: Site) -> Float[Tensor, "batch pos d_model"]:
        """A head's write in the output projection's space, before a post-norm (fp32)."""
        z = self._sliced(self._caught("head_z", site.layer, site), Site("head_z", site.index))
        w_o = self.model.parts.w_o(site.layer, self.model.adapter)[site.head]
        write = z.float() @ w_o.to(z.device)
        delta = self.deltas.get((f"raw{site.head}", site.layer))
        return write if delta is None else write + delta

    def _single(self, site: Site) -> Tensor:
        if site.kind == "head_out":
            return self._head_out(site)
        if site.kind == "mlp_normed":
            return self._normed(site)
        kind = "head_z" if site.kind == "attn_z" else site.kind
        return self._sliced(self._caught(kind, site.layer, site), site)

    def _head_out(self, site: Site) -> Tensor:
        write = self.head_write(site)
        post_norm = self.model.parts.post_norm(site.layer, "attn")
        if post_norm is None:
            return write
        scale = post_norm.scale(self._caught("o_proj_out", site.layer, site))
        seen = post_norm.frozen(write, scale)
        delta = self.deltas.get((f"seen{site.head}", site.layer))
        return seen if delta is None else seen + delta

    def _normed(self, site: Site) -> Tensor:
        return self.model.parts.normed(self._caught("mlp_norm_in", site.layer, site))

    def _sliced(self, x: Tensor, site: Site) -> Tensor:
        if site.kind == "attn_pattern":
            return x[:, site.head]
        if site.kind in ("head_z", "q", "k", "v"):
            width = self.model.parts.d_head
            return x[..., site.head * width : (site.head + 1) * width]
        return x

    def _caught(self, kind: str, layer: int, site: Site) -> Tensor:
        if (kind, layer) not in self.caught:
            seen = ", ".join(sorted({k for k, _ in self.caught})) or "nothing"
            raise SiteError(
                f"{site} was not read in this run (read: {seen}); add it: "
                f"model.run(text, read=[{site}])."
            )
        return self.caught[kind, layer]
