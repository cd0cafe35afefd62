"""Patches of one prompt by replay: what starts where, what shares a pass, and the audits.

Patches are grouped by layer; each group restarts at its layer and at the first position where
donor and receiver can differ (the first token that differs, between prompts of one model).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.model.edit import Edit, RawReplace, Replace
from microtome.model.model import Model
from microtome.model.replay import Replay, record
from microtome.model.run import Run
from microtome.model.site import Site, resid_post
from microtome.model.tokens import Tokens, within
from microtome.model.tolerance import tolerance


@dataclass(frozen=True)
class Node:
    """What is patched at once: single sites, at these positions (None: every token)."""

    name: str
    sites: tuple[Site, ...]
    positions: tuple[int, ...] | None = None

    @property
    def layer(self) -> int:
        """The lowest layer it touches."""
        return min(site.layer for site in self.sites)


def replayed(
    model: Model, tokens: Tokens, donor: Run, row: int, nodes: Sequence[Node], max_rows: int
) -> tuple[Float[Tensor, " vocab"], Float[Tensor, "node vocab"]]:
    """Final logits of one prompt, clean and under each patch in the order of `nodes`."""
    replay = record(model, row_of(tokens, row))

    def place(node: Node) -> tuple[int, int]:
        whole = max_rows == 1
        return node.layer, 0 if whole else first_change(model, tokens, donor, row, node.positions)

    found: dict[int, Tensor] = {}
    for start, group in _groups([place(node) for node in nodes], max_rows):
        edits = [
            [patch_edit(donor, site, row, nodes[i].positions) for site in nodes[i].sites]
            for i in group
        ]
        logits = _backing_off(replay, edits, start, whole=max_rows == 1)
        found |= dict(zip(group, logits, strict=True))
    return replay.logits, torch.stack([found[i] for i in range(len(nodes))])


def first_change(
    model: Model, tokens: Tokens, donor: Run, row: int, positions: tuple[int, ...] | None
) -> int:
    """The first position a patch can change: 0 between models and for edited runs."""
    length = int(tokens.lengths[row])
    if positions is not None:
        return min(within(p, length) for p in positions)
    same = donor.model.parts.hf is model.parts.hf
    if not same or donor.model.adapter != model.adapter or donor.edited:
        return 0
    ids = [row_of(batch, row).ids[0].cpu() for batch in (tokens, donor.tokens)]
    differ = torch.nonzero(ids[0] != ids[1]).flatten()
    return int(differ[0]) if len(differ) else length - 1


def patch_edit(donor: Run, site: Site, row: int, positions: tuple[int, ...] | None) -> Edit:
    """The donor's activation of one row put at a site; a head's write before its post-norm."""
    raw = site.kind == "head_out"
    value = donor.head_write(site) if raw else donor[site]
    real = value[row][donor.tokens.mask[row]]
    return (RawReplace if raw else Replace)(site, real, positions=positions)


def audits(
    model: Model,
    tokens: Tokens,
    donor: Run,
    nodes: Sequence[Node],
    patched: Float[Tensor, "batch node vocab"],
) -> tuple[Audit, ...]:
    """Self-patch, full patch, and the replay of the first and last node against plain passes."""
    sites = list(dict.fromkeys(site for node in nodes for site in node.sites))
    receiver = model.run(tokens, read=sites, logits="last")
    bound = tolerance(receiver.logits.dtype)
    scale = receiver.logits.abs().max()

    def gap(found: Tensor, expected: Tensor) -> float:
        return float((found - expected).abs().max() / scale)

    own = model.run(tokens, write=[Replace(s, receiver) for s in sites], logits="last")
    whole = donor.model.run(donor.tokens, read=resid_post[-1], logits="last")
    full = model.run(tokens, write=Replace(resid_post[-1], whole), logits="last")
    plain = [
        model.run(
            tokens,
            write=[Replace(s, donor, positions=node.positions) for s in node.sites],
            logits="last",
        )
        for node in (nodes[0], nodes[-1])
    ]
    replay = max(gap(patched[:, n], run.logits) for n, run in zip((0, -1), plain, strict=True))
    return (
        Audit("self-patch = 0", gap(own.logits, receiver.logits), bound),
        Audit("full patch = donor", gap(full.logits, whole.logits), bound),
        Audit("replayed = full forward", replay, bound),
    )


def row_of(tokens: Tokens, row: int) -> Tokens:
    """One row without its padding."""
    real = tokens.mask[row]
    ids = tokens.ids[row][real][None]
    return Tokens(ids, torch.ones_like(ids, dtype=torch.bool))


def _groups(places: Sequence[tuple[int, int]], max_rows: int) -> Iterator[tuple[int, list[int]]]:
    """Nodes of one layer and start at a time, at most `max_rows` together: start, indices."""
    order = sorted(range(len(places)), key=places.__getitem__)
    for (_, start), same in groupby(order, key=places.__getitem__):
        together = list(same)
        for first in range(0, len(together), max_rows):
            yield start, together[first : first + max_rows]


def _backing_off(
    replay: Replay, edits: list[list[Edit]], start: int, *, whole: bool
) -> Float[Tensor, "edited vocab"]:
    """The replay, in halves when the device runs out of memory: the same numbers, slower."""
    try:
        return replay.run(edits, start=start, whole=whole)
    except torch.OutOfMemoryError:
        if len(edits) == 1:
            raise
    half = len(edits) // 2
    parts = (edits[:half], edits[half:])
    return torch.cat([_backing_off(replay, part, start, whole=whole) for part in parts])
