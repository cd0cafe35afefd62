"""What proves an entry's q, k and v: where they stand, and that they do what q, k and v do.

    width     the heads' columns are the projection's output, no less and no more
    v         pattern @ v = z, head by head
    q         replaced at one position, it moves that query's pattern and no other query's
    k         replaced at one position, it moves later queries' patterns and no earlier one's
    heads     replaced in one head, neither moves another head's (another group's) pattern

Every layer is edited in a row of its own, so that one layer's edit is not seen in the next.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from microtome.audit import Audit
from microtome.model.edit import Replace
from microtome.model.hooks import Taps
from microtome.model.partial import through
from microtome.model.run import Run
from microtome.model.site import attn_pattern, head_z, k, q, v
from microtome.model.tokens import Tokens
from microtome.model.tolerance import gap

if TYPE_CHECKING:
    from microtome.model.model import Model

AT = 3
"""The position edited, of a prompt of eight tokens."""
LOUD = 3.0
"""The edit's size, in the projection's own root mean square."""
MOVED = 1e-3
"""The least change of a pattern that counts as one."""
KV = "kv_head"
LAYERS = 16
"""Layers edited in one pass."""


def attention_audits(model: "Model", tokens: Tokens, bound: float) -> list[Audit]:
    """The identities of q, k and v; of their widths alone where those are wrong."""
    width = Audit("heads of q, k, v = their projections' columns", _width_gap(model, tokens), 0.0)
    if not width.passed:
        return [width]
    moves = [_moves(model, tokens, a) for a in range(0, model.n_layers, LAYERS)]
    by_q, by_k, q_others, k_others = (torch.cat(parts, 0) for parts in zip(*moves, strict=True))
    rest = torch.arange(tokens.ids.shape[1]) != AT
    found = [
        width,
        Audit("attention pattern @ v = heads' z", _values_gap(model, tokens), bound),
        Audit("q moves no other query", float(by_q[:, :, rest].amax()), bound),
        Audit("k moves no earlier query", float(by_k[:, :, :AT].amax()), bound),
        Audit("k moves later queries", float(by_k[:, :, AT + 1 :].amax((1, 2)).min()), MOVED, ">="),
    ]
    if not model.parts.anatomy.shared_qk_norm:
        others = max(float(q_others.amax()), float(k_others.amax()))
        found.append(Audit("q and k of a head move no other head", others, bound))
    return found


def _width_gap(model: "Model", tokens: Tokens) -> float:
    """Columns that the heads of a projection miss or overstep, in the worst layer."""
    heads: dict[nn.Module, list[slice]] = defaultdict(list)
    for layer in range(model.n_layers):
        for kind in "qkv":
            module, columns = model.parts.projection(kind, layer)
            heads[module] += columns
    widths: dict[nn.Module, int] = {}
    taps = Taps()
    for module in heads:
        taps.out_of[module].append(partial(_note, widths, module))
    through(model, tokens, taps)
    covered = {m: {c for s in cut for c in range(s.start, s.stop)} for m, cut in heads.items()}
    return float(max(len(covered[m] ^ set(range(width))) for m, width in widths.items()))


def _note(widths: dict[nn.Module, int], module: nn.Module, x: Tensor) -> None:
    widths[module] = x.shape[-1]


def _values_gap(model: "Model", tokens: Tokens) -> float:
    run = model.run(tokens, read=[attn_pattern[:], v[:, :], head_z[:, :]])
    sizes = model.parts.sizes
    values = run[v[:, :]].repeat_interleave(sizes["head"] // sizes["kv_head"], 1)
    return gap(run[attn_pattern[:]].float() @ values.float(), run[head_z[:, :]])


def _moves(model: "Model", tokens: Tokens, first: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """How far patterns move in a few layers, by all of q and by all of k: "layer head query".

    Then by one head of q and by one of k, in the heads that are not its own: "layer".
    """
    layers = range(first, min(first + LAYERS, model.n_layers))
    patterns, count = attn_pattern[first : layers.stop], len(layers)
    clean = model.run(tokens, read=[patterns, q[:, :], k[:, :]], logits="last")
    edits = [edit for row, layer in enumerate(layers) for edit in _edits(clean, layer, row, count)]
    run = model.run(tokens.repeat(4 * count), read=patterns, write=edits, logits="last")
    moved = (run[patterns].float() - clean[patterns].float()).abs().amax(-1)
    own_rows = torch.arange(count, device=moved.device)
    by_q, by_k, one_q, one_k = (
        moved.transpose(1, 2)[own_rows, own_rows + block * count] for block in range(4)
    )
    return by_q, by_k, _others(model, one_q, layers, "head"), _others(model, one_k, layers, KV)


def _edits(clean: Run, layer: int, row: int, count: int) -> Iterator[Replace]:
    """All heads of q and k replaced, in a row each; and one head of each, in a row each."""
    parts = clean.model.parts
    for block, (kind, axis) in enumerate(((q, "head"), (k, KV))):
        value = _loud(clean[kind[layer, :]], seed=layer)
        every = row + block * count
        yield Replace(kind[layer, :], value, positions=(AT,), rows=(every,))
        if not parts.anatomy.shared_qk_norm:
            head, alone = layer % parts.sizes[axis], every + 2 * count
            yield Replace(kind[layer, head], value[head], positions=(AT,), rows=(alone,))


def _others(model: "Model", moved: Tensor, layers: range, axis: str) -> Float[Tensor, " layer"]:
    """The most that "layer head query" moves in heads outside the edited one's group."""
    sizes = model.parts.sizes
    group = sizes["head"] // sizes[axis]
    heads = torch.arange(sizes["head"], device=moved.device) // group
    edited = torch.tensor([layer % sizes[axis] for layer in layers], device=moved.device)
    return moved.amax(-1).masked_fill(heads == edited[:, None], 0).amax(-1)


def _loud(x: Tensor, seed: int) -> Float[Tensor, "head 1 1 d_head"]:
    """A random vector for each head, LOUD times as long as those of the projection."""
    shape = (len(x), 1, 1, x.shape[-1])
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return LOUD * x.float().pow(2).mean().sqrt() * noise.to(x.device)
