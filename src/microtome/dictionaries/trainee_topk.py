"""Top-k, batch top-k and Matryoshka dictionaries while they learn.

    loss = ‖y − ŷ‖² / Var  +  w · ‖e − ê‖² / ‖e‖²,     e = y − ŷ

The second part (AuxK, Gao et al. 2024) lets the k_aux largest dead latents model the residual e;
its gradient reaches their encoder rows too, so that they come alive where the residual is.
"""

from __future__ import annotations

import torch
from torch import Tensor

from microtome.dictionaries.nonlinearity import JumpReLU, Nonlinearity, TopK
from microtome.dictionaries.recipes import BatchTopK, Choosing, Matryoshka
from microtome.dictionaries.selection import Encoder, Features, features
from microtome.dictionaries.trainee import Outcome, trainee_of
from microtome.dictionaries.trainee_flat import Flat

_KEEP = 0.9
"""Of the running threshold, per step: it must not lag behind a training of a few hundred."""


class Selecting(Flat):
    """The three recipes that choose k latents."""

    recipe: Choosing

    def __init__(
        self, recipe: Choosing, d_in: int, d_out: int, dead_after: int, sparse: bool
    ) -> None:
        super().__init__(recipe, d_in, d_out, dead_after)
        self.sparse = sparse
        self.k_aux = min(d_out // 2, 2 * recipe.k) if recipe.k_aux is None else recipe.k_aux
        self.register_buffer("threshold", torch.full((), -1.0))
        self.threshold: Tensor

    @property
    def batch(self) -> bool:
        """Whether k counts over the batch."""
        return isinstance(self.recipe, BatchTopK)

    def encode(self, x: Tensor) -> Features:
        """Features of normed inputs."""
        encoder = Encoder(self.w_enc, self.b_enc, self.recipe.k, self.batch)
        return features(x, encoder, self.sparse)

    def reconstruction(self, x: Tensor) -> Tensor:
        return self.encode(x).decode(self.w_dec)

    def forward(self, x: Tensor, y: Tensor, done: float) -> Outcome:
        """The loss of a batch."""
        x, y = self.normed(x, y)
        found = self.encode(x)
        error, main = self._errors(found, x, y)
        aux = self._aux(x, error.detach())
        active = found.active()
        if self.training and self.batch and len(active):
            self._follow(active.min())
        fvu = self.share(error)
        parts = {"fvu": fvu.detach(), "l0": torch.tensor(len(active) / len(x)), "aux": aux.detach()}
        return Outcome(main + self.recipe.aux_weight * aux, parts, found.fired())

    def _errors(self, found: Features, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """y − ŷ, and the main loss: of all latents, or averaged over the nested prefixes."""
        rest = y - self.base(x)
        if not isinstance(self.recipe, Matryoshka):
            error = rest - found.decode(self.w_dec)
            return error, self.share(error)
        losses, start = [], 0
        for stop in self.recipe.groups:
            rest = rest - found.within(start, stop).decode(self.w_dec)
            losses.append(self.share(rest))
            start = stop
        return rest, torch.stack(losses).mean()

    def _aux(self, x: Tensor, error: Tensor) -> Tensor:
        """‖e − ê‖² / ‖e‖² with ê made of dead latents alone; 0 when there are none."""
        dead = torch.nonzero(self.silent >= self.dead_after).flatten()
        if not len(dead) or not self.k_aux:
            return torch.zeros((), device=x.device)
        k = min(self.k_aux, len(dead))
        found = features(x, Encoder(self.w_enc, self.b_enc, k, among=dead), self.sparse)
        rest = found.decode(self.w_dec) - error
        return rest.float().pow(2).sum() / error.float().pow(2).sum().clamp(min=1e-12)

    @torch.no_grad()
    def _follow(self, smallest: Tensor) -> None:
        first = self.threshold < 0
        moved = self.threshold * _KEEP + smallest.float() * (1 - _KEEP)
        self.threshold.copy_(torch.where(first, smallest.float(), moved))

    def nonlinearity(self) -> Nonlinearity:
        if not self.batch:
            return TopK(self.recipe.k)
        value = (self.threshold.clamp(min=0) / self.scale_out).cpu()
        return JumpReLU(value.expand(self.recipe.d_dict).clone())


@trainee_of.register
def _(recipe: Choosing, d_in: int, d_out: int, dead_after: int, sparse: bool) -> Selecting:
    return Selecting(recipe, d_in, d_out, dead_after, sparse)
