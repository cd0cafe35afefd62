"""Attention knockout: what Δ becomes when some positions cannot see others.

    A'(q, k) = 0 for every cut edge (q, k) in the chosen layers and heads, the rest of row q
    renormalised: the score is masked before the softmax, as if k stood in the future of q

The mask that each block was called with is recorded and cut, so the model's own attention kernel
computes the rest: exact, in one replayed pass. Geva et al. 2023, arXiv 2304.14767.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError, SiteError
from microtome.methods.patching.setting import deltas
from microtome.methods.result import Result
from microtome.model.direction import Direction
from microtome.model.hooks import Call
from microtome.model.model import Model, Text
from microtome.model.replay import Replay, record
from microtome.model.tolerance import tolerance

if TYPE_CHECKING:
    import pandas

Edge = tuple[int, int]
"""A query position and the key position it must not see; negative counts from the end."""


@dataclass(frozen=True, eq=False)
class Knockout(Result):
    """Δ before and after each named cut of one prompt, in logits."""

    cuts: tuple[str, ...]
    patched: Float[Tensor, " cut"]
    baseline: float
    audit: tuple[Audit, ...]

    @property
    def effects(self) -> Float[Tensor, " cut"]:
        """m(cut) − m(whole)."""
        return self.patched - self.baseline

    def rows(self) -> list[dict[str, Any]]:
        """One line per cut: cut, baseline_delta, patched_delta, effect."""
        return [
            {"cut": cut, "baseline_delta": self.baseline, "patched_delta": value,
             "effect": value - self.baseline}
            for cut, value in zip(self.cuts, self.patched.tolist(), strict=True)
        ]  # fmt: skip

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k cuts of largest effect by magnitude."""
        order = self.effects.abs().argsort(descending=True, stable=True)[:k].tolist()
        return [(self.cuts[i], float(self.effects[i])) for i in order]


def knock_out(
    model: Model,
    text: Text,
    cuts: Mapping[str, Sequence[Edge]] | Sequence[Edge],
    direction: Direction,
    *,
    layers: Sequence[int] | None = None,
    heads: Sequence[int] | None = None,
) -> Knockout:
    """Cut the edges of each named group, one group at a time, and read Δ at the last token.

    `layers` and `heads` say where (default: everywhere). A query must keep one key to look at.
    """
    tokens = model.tokenize(text)
    groups = dict(cuts) if isinstance(cuts, Mapping) else {"all": tuple(cuts)}
    replay = record(model, tokens)
    chosen = _within(layers, model.n_layers, "layer")
    where = None if heads is None else _within(heads, model.n_heads, "head")
    blocked = [_blocked(edges, replay.length) for edges in groups.values()]
    logits = torch.stack([_cut(replay, block, chosen, where) for block in blocked])
    whole = model.run(tokens, logits="last").final_logits[0]
    again = _cut(replay, torch.zeros_like(blocked[0]), chosen, where)
    gap = float((again - whole).abs().max() / whole.abs().max())
    bound = tolerance(whole.dtype)
    return Knockout(
        cuts=tuple(groups),
        patched=deltas(logits[None], direction)[0],
        baseline=float(deltas(whole[None], direction)[0]),
        audit=(Audit("nothing cut = the model", gap, bound),),
    )


def _blocked(edges: Sequence[Edge], length: int) -> Tensor:
    """The mask "query key" of what is cut; refused where a query would see nothing."""
    cut = torch.zeros(length, length, dtype=torch.bool)
    for query, key in edges:
        if not (-length <= query < length and -length <= key < length):
            raise InputError(
                f"The edge ({query}, {key}) leaves the prompt of {length} tokens; use 0 to "
                f"{length - 1}, or negative numbers from the end."
            )
        cut[query, key] = True
    left = (torch.ones_like(cut).tril() & ~cut).sum(-1)
    if not bool((left > 0).all()):
        blind = int(torch.nonzero(left == 0)[0])
        raise InputError(
            f"The token at position {blind} would see no token at all; leave it at least one key "
            f"(itself, for example)."
        )
    return cut


def _cut(
    replay: Replay, blocked: Tensor, layers: Sequence[int], heads: Sequence[int] | None
) -> Float[Tensor, " vocab"]:
    calls = list(replay.calls)
    for layer in layers:
        mask = _masked(calls[layer], blocked, heads, replay)
        calls[layer] = Call(calls[layer].hidden, {**calls[layer].named, "attention_mask": mask})
    return replace(replay, calls=tuple(calls)).run([[]])[0]


def _masked(call: Call, blocked: Tensor, heads: Sequence[int] | None, replay: Replay) -> Tensor:
    """The block's own mask with the cut edges closed: "1 head query key"."""
    if "attention_mask" not in call.named:
        raise SiteError(
            f"{replay.model.name} calls its blocks without an attention mask, so nothing can be "
            f"cut there; replace head_z instead."
        )
    own = call.named["attention_mask"]
    closed = blocked.to(call.hidden.device)[None, None]
    if own is None:
        own = torch.ones_like(closed).tril()
    if heads is not None:
        chosen = torch.zeros(replay.model.n_heads, dtype=torch.bool, device=closed.device)
        chosen[list(heads)] = True
        closed = closed & chosen[None, :, None, None]
    boolean = own.dtype == torch.bool
    seen = (own if boolean else own == 0) & ~closed
    if not bool(seen.any(-1).all()):
        raise InputError(
            "A token would see no token at all in a layer with a sliding window; leave it at "
            "least one key of the window (itself, for example)."
        )
    shut = False if boolean else torch.finfo(own.dtype).min
    return torch.where(closed, torch.full_like(own, shut), own)


def _within(chosen: Sequence[int] | None, size: int, axis: str) -> list[int]:
    if chosen is None:
        return list(range(size))
    if bad := [i for i in chosen if not -size <= i < size]:
        raise SiteError(f"{axis.capitalize()} {bad[0]} does not exist; there are 0 to {size - 1}.")
    return [i % size for i in chosen]
