"""What all but hierarchies share while they learn: encoder, decoder, two biases, perhaps a skip.

Inputs are centred and scaled by one number to E‖x‖ = √d; decoder rows have unit norm. Means and
scales are folded away on export:

    f ← f / s_out,   W_enc ← W_enc s_in / s_out,   b_enc ← b_enc / s_out − W_enc μ_in
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.nonlinearity import Nonlinearity
from microtome.dictionaries.recipes import Recipe
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import InputError


class Flat(nn.Module):
    """The module; subclasses say how inputs become features, and what the loss is."""

    start_scale = 1.0
    """Of the encoder, in units of the least-squares one."""

    def __init__(self, recipe: Recipe, d_in: int, d_out: int, dead_after: int) -> None:
        super().__init__()
        m = recipe.d_dict
        self.recipe, self.dead_after = recipe, dead_after
        generator = torch.Generator().manual_seed(recipe.seed)
        rows = nn.functional.normalize(torch.randn(m, d_out, generator=generator), dim=-1)
        self.w_dec = nn.Parameter(rows)
        self.w_enc = nn.Parameter(torch.zeros(m, d_in))
        self.b_enc = nn.Parameter(torch.zeros(m))
        self.b_dec = nn.Parameter(torch.zeros(d_out))
        self.w_skip = nn.Parameter(torch.zeros(d_out, d_in)) if recipe.skip else None
        self.register_buffer("mean_in", torch.zeros(d_in))
        self.register_buffer("mean_out", torch.zeros(d_out))
        for name in ("scale_in", "scale_out", "variance"):
            self.register_buffer(name, torch.ones(()))
        self.register_buffer("silent", torch.zeros(m, dtype=torch.long))
        self.mean_in: Tensor
        self.mean_out: Tensor
        self.scale_in: Tensor
        self.scale_out: Tensor
        self.variance: Tensor
        self.silent: Tensor

    # --- the data's scale -------------------------------------------------------------------

    @torch.no_grad()
    def start(self, x: Float[Tensor, "tokens d_in"], y: Float[Tensor, "tokens d_out"]) -> None:
        """Means and scales of the first batch, then encoder rows by least squares."""
        for values, mean, scale in (
            (x.float(), self.mean_in, self.scale_in),
            (y.float(), self.mean_out, self.scale_out),
        ):
            mean.copy_(values.mean(0))
            length = (values - mean).norm(dim=-1).mean().clamp(min=1e-12)
            scale.copy_(values.shape[-1] ** 0.5 / length)
        x, y = self.normed(x, y)
        self.variance.copy_(y.pow(2).sum(-1).mean())
        if self.variance == 0:
            raise InputError(
                f"The {len(y)} activations of the first batch at {self.recipe.writes} do not "
                f"differ, so there is nothing to learn from them; give a larger batch."
            )
        self.w_enc.copy_(self.w_dec if self.recipe.target is None else self._predicting(x, y))
        self.settle(x)
        guess = self.reconstruction(x)
        best = (guess * y).sum() / guess.pow(2).sum().clamp(min=1e-12)
        self.w_enc.mul_(self.start_scale * best)
        self.settle(x)

    def _predicting(self, x: Tensor, y: Tensor) -> Tensor:
        """Rows that read the decoder's directions from the best linear prediction of y."""
        gram = x.T @ x
        gram.diagonal().add_(1e-2 * gram.diagonal().mean())
        return self.w_dec @ torch.linalg.solve(gram, x.T @ y).T

    def settle(self, x: Tensor) -> None:
        """Set what depends on the encoder's scale, of normed inputs: thresholds, if any."""

    def reconstruction(self, x: Tensor) -> Tensor:
        """The features' part of the output, of normed inputs, before training."""
        raise NotImplementedError

    def normed(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs and targets, centred and scaled."""
        normed_x = (x.float() - self.mean_in) * self.scale_in
        if self.recipe.target is None:
            return normed_x, normed_x
        return normed_x, (y.float() - self.mean_out) * self.scale_out

    def base(self, x: Tensor) -> Tensor:
        """What is added to the features' part: bias and skip."""
        return self.b_dec if self.w_skip is None else self.b_dec + x @ self.w_skip.T

    def share(self, error: Tensor) -> Tensor:
        """Mean squared error as a share of the first batch's variance."""
        return error.float().pow(2).sum(-1).mean() / self.variance

    # --- around the optimiser's step ---------------------------------------------------------

    @torch.no_grad()
    def before_update(self) -> None:
        """Take the part of the decoder's gradient along its rows away: it would only stretch."""
        if (grad := self.w_dec.grad) is not None:
            grad.addcmul_((grad * self.w_dec).sum(-1, keepdim=True), self.w_dec, value=-1)

    @torch.no_grad()
    def after_update(self, fired: Int[Tensor, " d_dict"], tokens: int) -> None:
        """Rows back to unit norm; count how long every latent has been silent."""
        self.w_dec.div_(self.w_dec.norm(dim=-1, keepdim=True).clamp(min=1e-12))
        self.silent.add_(tokens).masked_fill_(fired > 0, 0)

    def dead(self) -> float:
        """Share of latents that have been silent for `dead_after` tokens."""
        return float((self.silent >= self.dead_after).float().mean())

    # --- out ---------------------------------------------------------------------------------

    def nonlinearity(self) -> Nonlinearity:
        """What the finished dictionary uses, in the activations' own scale."""
        raise NotImplementedError

    @torch.no_grad()
    def export(self) -> Dictionary:
        """The dictionary with means and scales folded into its weights."""
        ratio = self.scale_in / self.scale_out
        w_enc = self.w_enc * ratio
        parts: dict[str, Any] = {
            "w_enc": w_enc,
            "b_enc": self.b_enc / self.scale_out - w_enc @ self.mean_in,
            "w_dec": self.w_dec,
            "b_dec": self.b_dec / self.scale_out + self.mean_out,
        }
        if self.w_skip is not None:
            parts["w_skip"] = self.w_skip * ratio
            parts["b_dec"] = parts["b_dec"] - parts["w_skip"] @ self.mean_in
        kind = SAE if self.recipe.target is None else Transcoder
        return kind(
            activation=self.nonlinearity(),
            site_in=self.recipe.reads,
            site_out=self.recipe.writes,
            **{name: value.detach().cpu().clone() for name, value in parts.items()},
        )
