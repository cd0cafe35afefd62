"""Prompts of different length, aligned by span: which donor token stands for which of the receiver.

Patching goes position by position; where a corruption changes the number of tokens, spans say what
corresponds (name to name, verb to verb). Spans of equal length are matched token by token, of
unequal length by their last tokens, where a causal model has gathered the span. Everything outside
the spans keeps the receiver's activations.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from microtome.errors import InputError
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import Site
from microtome.model.tokens import Tokens

Span = tuple[int, int]
"""First token and one past the last, as in a slice; no negative numbers."""


@dataclass(frozen=True, eq=False)
class Aligned:
    """A donor laid onto the receiver: pass `donor` and `positions` to `patch` and its kin."""

    donor: Run
    positions: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]


def align(
    model: Model,
    text: Text,
    donor: Text,
    sites: Site | Sequence[Site],
    spans: Sequence[tuple[Span, Span]],
) -> Aligned:
    """Run the donor (one prompt) and move the spans' activations to the receiver's positions.

    `spans` pairs (receiver span, donor span). Attention patterns cannot be moved and are refused.
    """
    wanted = [sites] if isinstance(sites, Site) else list(sites)
    if any(site.kind == "attn_pattern" for site in wanted):
        raise InputError("attn_pattern has two positions and cannot be aligned; read q, k, v.")
    own, run = model.tokenize(text), model.run(donor, read=wanted, logits="last")
    if len(own.ids) != 1 or len(run.tokens.ids) != 1:
        raise InputError("Spans align one prompt with one other; align a batch prompt by prompt.")
    lengths = own.ids.shape[1], run.tokens.ids.shape[1]
    pairs = tuple(pair for both in spans for pair in _matched(both, lengths))
    if len({receiver for receiver, _ in pairs}) != len(pairs) or not pairs:
        raise InputError("Spans must name every receiver token at most once, and at least one.")
    taken = torch.arange(lengths[0]).clamp(max=lengths[1] - 1)
    for receiver, other in pairs:
        taken[receiver] = other
    return Aligned(_moved(run, own, pairs, taken), tuple(p for p, _ in pairs), pairs)


def _matched(both: tuple[Span, Span], lengths: tuple[int, int]) -> list[tuple[int, int]]:
    for (start, stop), length in zip(both, lengths, strict=True):
        if not 0 <= start < stop <= length:
            raise InputError(
                f"The span {start}:{stop} does not lie in a prompt of {length} tokens; use "
                f"0 <= start < stop <= {length}."
            )
    (start, stop), (other_start, other_stop) = both
    size = min(stop - start, other_stop - other_start)
    return list(zip(range(stop - size, stop), range(other_stop - size, other_stop), strict=True))


def _moved(run: Run, own: Tokens, pairs: Sequence[tuple[int, int]], taken: Tensor) -> Run:
    """The donor's run with its activations at the receiver's positions.

    It is no plain run of any prompt, so it counts as edited: nothing runs it again.
    """
    taken = taken.to(run.tokens.ids.device)
    ids = own.ids.clone()
    for receiver, other in pairs:
        ids[0, receiver] = run.tokens.ids[0, other]
    caught = {key: value[:, taken] for key, value in run.caught.items()}
    return replace(run, tokens=Tokens(ids, own.mask), caught=caught, edited=True)
