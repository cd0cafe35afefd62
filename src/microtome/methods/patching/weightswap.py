"""Weight swap: run B with one component's LoRA delta taken from A, and everything else its own.

    effect(c) = m(B with ΔW_A instead of ΔW_B in c) − m(B)

An activation swap brings along what A's earlier layers computed; a weight swap asks what training
wrote into the component itself. A head has its rows of W_Q and columns of W_O (and its own W_K and
W_V where no other head shares them); with grouped queries k and v are nodes of their own; an MLP
has all its matrices. The delta is added where the projection acts, so nothing is merged or rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from microtome.audit import Audit
from microtome.errors import AdapterError, SiteError
from microtome.methods.patching.exact import Patching
from microtome.methods.patching.rows import row_of
from microtome.methods.patching.setting import Directions, deltas, each, expanded
from microtome.model.edit import Add
from microtome.model.hooks import Taps
from microtome.model.model import Model, Text
from microtome.model.parts import Parts
from microtome.model.replay import Replay, record
from microtome.model.site import Site, attn_out, mlp_out, resid_pre
from microtome.model.tolerance import tolerance


@dataclass(frozen=True)
class Block:
    """Some inputs and outputs of one projection."""

    module: nn.Module
    inputs: slice = field(default_factory=lambda: slice(None))
    outputs: slice = field(default_factory=lambda: slice(None))


def swap_weights(
    model: Model,
    text: Text,
    donor: Model,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    names: tuple[str, str] = ("minus", "plus"),
) -> Patching:
    """Swap the delta of each `head_out`, `q`, `k`, `v`, `attn_out` or `mlp_out`, one at a time.

    `model` and `donor` are the same base with two adapters, or one of them the bare base. The
    audit swaps all attentions and MLPs at once, which must give the donor.
    """
    if donor.parts is not model.parts or donor.adapter == model.adapter:
        raise AdapterError(
            f"Weights are swapped between two adapters of one loaded model, not between "
            f"{donor.name} and {model.name}; make both with model.with_adapter(...)."
        )
    singles = expanded(model, sites)
    tokens = model.tokenize(text)
    own = each(direction, len(tokens.ids))
    before = deltas(model.run(tokens, logits="last").final_logits, own)
    replays = [record(model, row_of(tokens, row)) for row in range(len(tokens.ids))]
    found = [deltas(_swapped(model, donor, replays, [site]), own) for site in singles]
    patched = torch.stack(found, -1)
    target = donor.run(tokens, logits="last").final_logits
    return Patching(
        nodes=tuple(site.component for site in singles),
        effects=patched - before[:, None],
        patched=patched,
        baseline=before,
        donor=deltas(target, own),
        metric="logit_diff",
        names=names,
        audit=(_everything(model, donor, replays, target),),
    )


def _swapped(
    model: Model, donor: Model, replays: Sequence[Replay], sites: Sequence[Site]
) -> Float[Tensor, "batch vocab"]:
    """Final logits with these components' deltas the donor's, from their lowest layer on."""
    parts = [block for site in sites for block in blocks(model.parts, site)]
    changes = [(block, _change(model, donor, block)) for block in parts]
    start = Add(resid_pre[min(site.layer for site in sites)], torch.zeros(1))
    found = []
    for replay in replays:
        taps = Taps()
        for block, change in changes:
            _tap(taps, block, change)
        with model.parts.bank.switched(model.adapter), taps.placed():
            found.append(replay.run([[start]], whole=True)[0])
    return torch.stack(found)


def _tap(taps: Taps, block: Block, change: Tensor | None) -> None:
    if change is None:
        return
    seen: dict[str, Tensor] = {}

    def add(y: Tensor) -> Tensor:
        moved = y.clone()
        moved[..., block.outputs] += (seen["x"][..., block.inputs].float() @ change).to(y.dtype)
        return moved

    taps.into[block.module].append(lambda x: seen.__setitem__("x", x))
    taps.out_of[block.module].append(add)


def _change(model: Model, donor: Model, block: Block) -> Float[Tensor, "input output"] | None:
    """ΔW_A − ΔW_B of a block of a projection; None where neither adapter touches it."""
    theirs, ours = _delta(block.module, donor.adapter), _delta(block.module, model.adapter)
    if ours is None and theirs is None:
        return None
    change = theirs if ours is None else -ours if theirs is None else theirs - ours
    assert change is not None
    return (change if model.parts.anatomy.transposed else change.T)[block.inputs, block.outputs]


def _delta(module: Any, key: str | None) -> Tensor | None:
    if key is None or key not in getattr(module, "lora_A", {}):
        return None
    return module.get_delta_weight(key).detach().float()


def blocks(parts: Parts, site: Site) -> list[Block]:
    """The blocks of projections that belong to a component."""
    layer = site.layer
    if site.kind in ("attn_out", "mlp_out"):
        path = parts.anatomy.attn if site.kind == "attn_out" else parts.anatomy.mlp
        inside = parts.block(layer, path).modules()
        return [Block(module) for module in inside if hasattr(module, "lora_A")]
    if site.kind in ("q", "k", "v"):
        return [_projected(parts, site.kind, layer, site.head)]
    if site.kind != "head_out":
        raise SiteError(
            f"{site} has no weights of its own to swap; use head_out, q, k, v, attn_out or mlp_out."
        )
    columns = slice(site.head * parts.d_head, (site.head + 1) * parts.d_head)
    found = [Block(parts.block(layer, parts.anatomy.o_proj), inputs=columns)]
    shared = parts.sizes["kv_head"] != parts.sizes["head"]
    kinds = "q" if shared else "qkv"
    return [*found, *(_projected(parts, kind, layer, site.head) for kind in kinds)]


def _projected(parts: Parts, kind: str, layer: int, head: int) -> Block:
    module, columns = parts.projection(kind, layer)
    return Block(module, outputs=columns[head])


def _everything(model: Model, donor: Model, replays: Sequence[Replay], target: Tensor) -> Audit:
    sites = expanded(model, [attn_out[:], mlp_out[:]])
    gap = (_swapped(model, donor, replays, sites) - target).abs().max() / target.abs().max()
    bound = tolerance(target.dtype)
    return Audit("all weights swapped = donor", float(gap), bound)
