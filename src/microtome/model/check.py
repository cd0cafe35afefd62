"""The identities that an anatomy entry must satisfy on the loaded weights.

    post = pre + attn added + mlp added        mid = pre + attn added       pre[l+1] = post[l]
    embedding (+ positions) = pre[0]           Σ heads + bias = output projection
    mlp_norm(x) = mlp_in                       act @ W_down + b = the MLP's own output
    map(last post) = logits                    every hook fires once
    each norm as data (scale, gain, bias) = the module that computes it
    q, k and v: `check_attention`

Each gap is relative to the largest magnitude of what it compares, over a short random prompt.
"""

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from microtome.audit import Audit
from microtome.errors import AnatomyError, NumericsError
from microtome.model.adapters import is_float
from microtome.model.check_attention import attention_audits
from microtome.model.hooks import Taps
from microtome.model.partial import through
from microtome.model.run import Run
from microtome.model.site import (
    attn_out,
    head_out,
    head_z,
    mlp_act,
    mlp_in,
    mlp_normed,
    mlp_out,
    resid_mid,
    resid_post,
    resid_pre,
)
from microtome.model.tokens import Tokens
from microtome.model.tolerance import gap, tolerance

if TYPE_CHECKING:
    from microtome.model.model import Model

N_TOKENS = 8


def check(model: "Model") -> list[Audit]:
    """Every identity with its gap and bound; `passed` says whether it holds."""
    tokens = _probe(model).to(model.device)
    plain = model.run(tokens)
    bound = tolerance(model.parts.hf.dtype)
    return [
        *_sums(model, tokens, plain, bound),
        *_mlps(model, tokens, bound),
        *attention_audits(model, tokens, bound),
    ]


def _sums(model: "Model", tokens: Tokens, plain: Run, bound: float) -> list[Audit]:
    """What adds up along the residual stream, from the embedding to the logits."""
    sites = [resid_pre[:], resid_post[:], attn_out[:], mlp_out[:], head_z[:, :]]
    if model.parts.anatomy.mid is not None:
        sites.append(resid_mid[:])
    run = model.run(tokens, read=sites)
    pre, post = run[resid_pre[:]], run[resid_post[:]]
    attn, mlp = run[attn_out[:]], run[mlp_out[:]]
    gaps = {
        "embedding = pre of layer 0": gap(_embedded(model, tokens), pre[0]),
        "post = pre + attn + mlp": gap(post, pre + attn + mlp),
        "pre of the next layer = post": gap(pre[1:], post[:-1]),
        "norms as data = the model's norms": _norms_gap(model, post[-1]),
        "lens of the last layer = logits": gap(model.unembed(post[-1]), run.logits),
    }
    if model.parts.has_float_heads:
        gaps["heads + bias = output projection"] = _heads_gap(model, tokens)
    if model.parts.anatomy.mid is not None:
        gaps["mid = pre + attn"] = gap(run[resid_mid[:]], pre + attn)
    neutral = 0.0 if torch.equal(run.logits, plain.logits) else 1.0
    return [
        Audit("reading is bitwise neutral", neutral, 0.0),
        *(Audit(name, value, bound) for name, value in gaps.items()),
    ]


def demand(model: "Model") -> None:
    """Raise AnatomyError with the identity and the gap unless all of them hold."""
    for name, value in model.parts.hf.named_parameters():
        if value.is_meta or not value.is_floating_point():
            continue
        if not torch.isfinite(value).all():
            raise NumericsError(
                f"The weights of {model.source.name} hold NaN or infinity in {name}; "
                f"use an undamaged copy."
            )
    for audit in check(model):
        if not audit.passed:
            most = "at most" if audit.relation == "<=" else "at least"
            raise AnatomyError(
                f"The anatomy {model.parts.anatomy.family!r} does not fit {model.source.name}: "
                f"'{audit.name}' is off by {audit.value:.2g} ({most} {audit.bound:.0e}). "
                f"Correct the entry; no number from it could be trusted."
            )


def _probe(model: "Model") -> Tokens:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, int(model.parts.config.vocab_size), (1, N_TOKENS), generator=generator)
    return Tokens(ids, torch.ones_like(ids, dtype=torch.bool))


def _embedded(model: "Model", tokens: Tokens) -> Tensor:
    """What the entry's embedding, and its positions if it has any, give for the prompt."""
    anatomy = model.parts.anatomy
    embedding = model.parts.module(anatomy.embed)
    if not isinstance(embedding, nn.Embedding):
        raise AnatomyError(
            f"The anatomy {anatomy.family!r} gives {anatomy.embed!r} as embedding, which is a "
            f"{type(embedding).__name__}. Correct the entry."
        )
    with torch.no_grad():
        found: Tensor = embedding(tokens.ids)
        if anatomy.position_embed is not None:
            found = found + model.parts.module(anatomy.position_embed)(tokens.position_ids)
    return found


def _norms_gap(model: "Model", states: Tensor) -> float:
    """The final norm and every post-norm at real states, as data and as module."""
    parts, anatomy = model.parts, model.parts.anatomy
    modules = [parts.module(anatomy.final_norm)]
    for path in (anatomy.attn_post_norm, anatomy.mlp_post_norm):
        if path is not None:
            modules += [parts.block(layer, path) for layer in range(model.n_layers)]
    worst = 0.0
    for module in modules:
        with torch.no_grad():
            worst = max(worst, gap(_as_data(model, module, states), module(states)))
    return worst


def _as_data(model: "Model", module: nn.Module, states: Tensor) -> Tensor:
    """A norm's output as scale, gain and bias give it."""
    norm = model.parts.norm(module)
    found = norm.frozen(states, norm.scale(states))
    return found if norm.bias is None else found + norm.bias


def _mlps(model: "Model", tokens: Tokens, bound: float) -> list[Audit]:
    """The norm that feeds the MLP, and the neurons times the weights that lead out of it."""
    parts, anatomy = model.parts, model.parts.anatomy
    found = []
    if all(is_float(parts.block(n, anatomy.down_proj)) for n in range(model.n_layers)):
        off = _down_gap(model, tokens)
        found.append(Audit("act @ W_down + b = the MLP's output", off, bound))
    if anatomy.mlp_norm is not None:
        run = model.run(tokens, read=[mlp_in[:], mlp_normed[:]])
        gaps = []
        for layer in range(model.n_layers):
            norm, x = parts.block(layer, anatomy.mlp_norm), run.caught["mlp_norm_in", layer]
            gaps.append(gap(_as_data(model, norm, x), run[mlp_in[layer]]))
        found.append(Audit("mlp_norm(x) = the MLP's input", max(gaps), bound))
    return found


def _down_gap(model: "Model", tokens: Tokens) -> float:
    """The MLP's own output, before a post-norm, against its neurons times W_down."""
    blocks = [model.parts.block(n, model.parts.anatomy.mlp) for n in range(model.n_layers)]
    own: dict[nn.Module, Tensor] = {}
    taps = Taps()
    for block in blocks:
        taps.out_of[block].append(partial(_keep, own, block))
    through(model, tokens, taps)
    act = model.run(tokens, read=mlp_act[:])[mlp_act[:]]
    return max(
        gap(model.parts.down(layer, act[layer], model.adapter), own[block])
        for layer, block in enumerate(blocks)
    )


def _keep(own: dict[nn.Module, Tensor], module: nn.Module, x: Tensor) -> None:
    own[module] = x.detach().clone()


def _heads_gap(model: "Model", tokens: Tokens) -> float:
    full = model.run(tokens, read=head_out[:, :])
    worst = 0.0
    for layer in range(model.n_layers):
        total = torch.stack(
            [full.head_write(head_out[layer, h]) for h in range(model.n_heads)]
        ).sum(0)
        bias = model.parts.b_o(layer)
        expected = full.caught["o_proj_out", layer].float()
        worst = max(worst, gap(total + (0.0 if bias is None else bias), expected))
    return worst
