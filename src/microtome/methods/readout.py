"""How a direction reads logits: Δ = logit(plus) − logit(minus), after the model's soft-cap.

A direction built from tokens reads the capped logits of those tokens; any other vector in
unembedding space reads the uncapped projection of the normed state.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.model.direction import Direction
from microtome.model.model import Model


def delta_of_logits(
    logits: Float[Tensor, "*batch vocab"], direction: Direction
) -> Float[Tensor, "*batch"]:
    """Δ from logits, for a direction that names its tokens (plus, and minus if it has one)."""
    plus, *minus = direction.tokens
    value = logits[..., plus].double()
    return value - logits[..., minus[0]].double() if minus else value


def normed(model: Model, resid: Float[Tensor, "*batch d_model"]) -> Float[Tensor, "*batch d_model"]:
    """The final norm's output, bias included, in fp64."""
    norm = model.parts.final_norm
    y = norm.frozen(resid, norm.scale(resid))
    return (y if norm.bias is None else y + norm.bias).double()


def delta_of_resid(
    model: Model, resid: Float[Tensor, "*batch d_model"], direction: Direction, *, capped: bool
) -> Float[Tensor, "*batch"]:
    """Δ of a residual-stream state through final norm and unembedding, in fp64."""
    y = normed(model, resid)
    if not direction.tokens or not capped or model.parts.anatomy.softcap is None:
        return y @ direction.vector.double().to(y.device) + direction.bias
    head = model.parts.hf.get_output_embeddings()
    rows = head.weight.detach()[list(direction.tokens)].double()
    logits = y @ rows.T
    if head.bias is not None:
        logits = logits + head.bias.detach()[list(direction.tokens)].double()
    logits = model.cap(logits)
    return logits[..., 0] - logits[..., 1] if len(direction.tokens) == 2 else logits[..., 0]


def secant(model: Model, resid: Tensor, direction: Direction) -> Float[Tensor, " batch"]:
    """κ = Δ after the soft-cap / Δ before it: one factor that turns parts into capped logits."""
    before = delta_of_resid(model, resid, direction, capped=False)
    after = delta_of_resid(model, resid, direction, capped=True)
    return torch.where(before.abs() > 1e-9, after / before, torch.ones_like(before))
