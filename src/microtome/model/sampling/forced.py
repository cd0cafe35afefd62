"""Latents of texts that something else wrote: teacher-forced, in ordinary whole passes.

No cache and no shared prefix: the independent way to the numbers that `sample` pools while it
generates, and the way to an oracle's z* and to the local probabilities of a server's completions.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from microtome.errors import InputError
from microtome.model.hooks import Taps
from microtome.model.model import Model
from microtome.model.sampling.draw import Rule, choose
from microtome.model.sampling.generate import batches, checked, collected, prompt_ids
from microtome.model.sampling.loop import demand_finite
from microtome.model.sampling.pooling import Pooling, Sums
from microtome.model.sampling.samples import Record, Samples
from microtome.model.tokens import Tokens, stack

BATCH = 8
UNEMBEDDED = 128
"""Positions unembedded at once: logits of a whole text would outweigh everything else."""


def teacher_forced(
    model: Model,
    prompt: str | Sequence[int],
    continuations: Sequence[Sequence[int]],
    pooling: Pooling | None = None,
    *,
    batch: int = BATCH,
    top2: bool = False,
    chat: bool = False,
) -> Samples:
    """Given continuations (ids without EOS) as Samples: log-probs, and latents if pooled.

    Pooling counts from a continuation's first token. Nothing is drawn, so sampling log-probs are
    NaN. `finished` is True: a given text is whole. One without tokens is allowed and has no latent.
    """
    if not continuations:
        raise InputError("No continuation was given; give at least one list of ids.")
    own = prompt_ids(model, prompt, chat)
    whole = [checked(model, [*own, *ids]) for ids in continuations]
    sums = None if pooling is None else Sums(model, pooling, len(whole))
    record = Record(len(whole), max(map(len, continuations)), top2)
    with torch.no_grad():
        for rows in batches(len(whole), batch):
            for some, tokens, states in _passes(model, whole, rows, len(own), sums):
                for row, ids, resid in zip(some.tolist(), tokens.ids, states, strict=True):
                    _note(model, record, row, ids, resid, len(own), len(whole[row]), top2)
    return collected(model, own, [()] * len(whole), record, sums)


def _passes(
    model: Model, whole: list[list[int]], rows: Tensor, start: int, sums: Sums | None
) -> Iterator[tuple[Tensor, Tokens, Tensor]]:
    """Rows, tokens and last states of one pass; of two halves when the device is full."""
    tokens = stack([whole[row] for row in rows.tolist()], 0).to(model.device)
    try:
        states = _pass(model, tokens, rows, start, sums)
    except torch.OutOfMemoryError:
        if len(rows) == 1:
            raise
        if sums is not None:
            sums.forget(rows)
        for half in rows.tensor_split(2):
            yield from _passes(model, whole, half, start, sums)
        return
    yield rows, tokens, states


def _pass(model: Model, tokens: Tokens, rows: Tensor, start: int, sums: Sums | None) -> Tensor:
    """The last layer's states of one pass, "row pos d_model"; sums are added to on the way."""
    taps = Taps() if sums is None else sums.span_taps(tokens, rows.tolist(), start)
    kept: list[Tensor] = []
    taps.out_of[model.parts.block(model.n_layers - 1)].append(lambda x: kept.append(x.detach()))
    with model.parts.bank.switched(model.adapter) as hf, taps.placed():
        hf(
            input_ids=tokens.ids,
            attention_mask=tokens.mask.long(),
            position_ids=tokens.position_ids,
            use_cache=False,
            logits_to_keep=1,
        )
    return kept[0]


def _note(
    model: Model,
    record: Record,
    row: int,
    ids: Tensor,
    resid: Tensor,
    start: int,
    stop: int,
    top2: bool,
) -> None:
    """Log-probs of one row's tokens from `start` to `stop`, unembedded in pieces."""
    for at in range(start, stop, UNEMBEDDED):
        until = min(at + UNEMBEDDED, stop)
        logits = model.unembed(resid[at - 1 : until - 1])
        demand_finite(model, logits)
        given = ids[at:until].to(logits.device)
        choice = choose(logits, Rule(1.0), None, given, top2)
        record.write(row, slice(at - start, until - start), choice)
    record.end(row, stop - start)
