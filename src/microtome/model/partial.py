"""A forward pass that ends as soon as the last site asked for has been read.

A tap on the last block needed interrupts the pass; hooks are removed as always, and what was read
equals what a whole pass reads, bit for bit.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import torch
from torch import Tensor

from microtome.errors import SiteError
from microtome.model.hooks import Taps
from microtome.model.model import Model, Text
from microtome.model.ports import Key, Ports
from microtome.model.run import Run
from microtome.model.site import Site
from microtome.model.tokens import Tokens


class _Enough(Exception):
    """Everything asked for has been read."""


def read_only(model: Model, text: Text, sites: Sequence[Site]) -> dict[Site, Tensor]:
    """Activations at sites without logits; SiteError for attention patterns or no site at all."""
    if not sites or any(site.kind == "attn_pattern" for site in sites):
        raise SiteError(
            f"A pass without logits reads activations, not {', '.join(map(str, sites)) or 'none'}; "
            f"use model.run(text, read=...) for attention patterns."
        )
    tokens = model.tokenize(text)
    with model.parts.bank.switched(model.adapter):
        caught = _caught(model, tokens, sites)
    nothing = torch.empty(len(tokens.ids), 0, device=tokens.ids.device)
    run = Run(model, tokens, nothing, caught)
    return {site: run[site] for site in sites}


def _caught(model: Model, tokens: Tokens, sites: Sequence[Site]) -> Mapping[Key, Tensor]:
    ports = Ports(model.parts, tokens, model.adapter)
    ports.read(sites)
    last = max(s.layer for site in sites for s in site.expand(model.parts.sizes))
    block, _ = ports.carrier("resid_post", last)
    ports.taps.out_of[block].append(_stop)
    with suppress(_Enough):
        through(model, tokens, ports.taps)
    return ports.caught


def through(model: Model, tokens: Tokens, taps: Taps) -> None:
    """One plain pass under these taps, whose only result is what they saw."""
    with model.parts.bank.switched(model.adapter) as hf, torch.no_grad(), taps.placed():
        hf(
            input_ids=tokens.ids,
            attention_mask=tokens.mask.long(),
            position_ids=tokens.position_ids,
            use_cache=False,
            logits_to_keep=1,
        )


def _stop(_: Tensor) -> None:
    raise _Enough
