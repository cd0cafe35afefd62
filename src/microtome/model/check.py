"""The identities that an anatomy entry must satisfy on the loaded weights.

    post = pre + attn added + mlp added        mid = pre + attn added       pre[l+1] = post[l]
    Σ heads + bias = output projection         map(last post) = logits      every hook fires once
    each norm as data (scale, gain, bias) = the module that computes it

Each gap is relative to the largest magnitude of what it compares, over a short random prompt.
"""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import AnatomyError, NumericsError
from microtome.model.site import attn_out, head_z, mlp_out, resid_mid, resid_post, resid_pre
from microtome.model.tokens import Tokens

if TYPE_CHECKING:
    from microtome.model.model import Model

TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2, torch.float16: 5e-3}
N_TOKENS = 8


def check(model: "Model") -> list[Audit]:
    """Every identity with its gap and bound; `passed` says whether it holds."""
    tokens = _probe(model)
    sites = [resid_pre[:], resid_post[:], attn_out[:], mlp_out[:], head_z[:, :]]
    if model.parts.anatomy.mid is not None:
        sites.append(resid_mid[:])
    run = model.run(tokens, read=sites)
    plain = model.run(tokens)
    pre, post = run[resid_pre[:]], run[resid_post[:]]
    attn, mlp = run[attn_out[:]], run[mlp_out[:]]
    gaps = {
        "reading is bitwise neutral": 0.0 if torch.equal(run.logits, plain.logits) else 1.0,
        "post = pre + attn + mlp": _gap(post, pre + attn + mlp),
        "pre of the next layer = post": _gap(pre[1:], post[:-1]),
        "norms as data = the model's norms": _norms_gap(model, post[-1]),
        "lens of the last layer = logits": _gap(model.unembed(post[-1]), run.logits),
    }
    if model.parts.has_float_heads:
        gaps["heads + bias = output projection"] = _heads_gap(model, run)
    if model.parts.anatomy.mid is not None:
        gaps["mid = pre + attn"] = _gap(run[resid_mid[:]], pre + attn)
    bound = TOLERANCE.get(post.dtype, 1e-5)
    bounds = {"reading is bitwise neutral": 0.0}
    return [Audit(n, g, bounds.get(n, bound), "<=") for n, g in gaps.items()]


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
            raise AnatomyError(
                f"The anatomy {model.parts.anatomy.family!r} does not fit {model.source.name}: "
                f"'{audit.name}' is off by {audit.value:.2g} (at most {audit.bound:.0e}). "
                f"Correct the entry; no number from it could be trusted."
            )


def _probe(model: "Model") -> Tokens:
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(0, int(model.parts.config.vocab_size), (1, N_TOKENS), generator=generator)
    return Tokens(ids, torch.ones_like(ids, dtype=torch.bool))


def _gap(found: Tensor, expected: Tensor) -> float:
    found, expected = found.float(), expected.float()
    if found.numel() == 0:
        return 0.0
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))


def _norms_gap(model: "Model", states: Tensor) -> float:
    """The final norm and every post-norm at real states, as data and as module."""
    parts, anatomy = model.parts, model.parts.anatomy
    modules = [parts.module(anatomy.final_norm)]
    for path in (anatomy.attn_post_norm, anatomy.mlp_post_norm):
        if path is not None:
            modules += [parts.block(layer, path) for layer in range(model.n_layers)]
    worst = 0.0
    for module in modules:
        norm = parts.norm(module)
        found = norm.frozen(states, norm.scale(states))
        found = found if norm.bias is None else found + norm.bias
        with torch.no_grad():
            worst = max(worst, _gap(found, module(states)))
    return worst


def _heads_gap(model: "Model", run: object) -> float:
    from microtome.model.run import Run
    from microtome.model.site import head_out

    assert isinstance(run, Run)
    full = model.run(run.tokens, read=head_out[:, :])
    worst = 0.0
    for layer in range(model.n_layers):
        total = torch.stack(
            [full.head_write(head_out[layer, h]) for h in range(model.n_heads)]
        ).sum(0)
        bias = model.parts.b_o(layer)
        expected = full.caught["o_proj_out", layer].float()
        worst = max(worst, _gap(total + (0.0 if bias is None else bias), expected))
    return worst
