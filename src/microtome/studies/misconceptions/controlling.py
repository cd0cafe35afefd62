"""Both answers under every matched control; a prompt's clean prefix is computed once for all.

One clean pass a prompt keeps the keys and values of every layer. A control then starts behind the
layer that is written to and at the first token that is, many controls on the batch axis
(`Replay.resume`). The ablation itself goes the same way, as set 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import microtome as mt
from microtome.dictionaries.clamp import Clamp
from microtome.model.extent import extent_of
from microtome.model.replay import record
from microtome.model.tokens import stack
from microtome.statistics import Floats
from microtome.studies.misconceptions.ablating import Ablation
from microtome.studies.misconceptions.matching import Match, Write, match, scaled, sizes
from microtome.studies.misconceptions.reading import site_of
from microtome.studies.misconceptions.scoring import Row, batches, log_p_of

_LARGEST = 4
"""A short suffix lets at most so many times `max_rows` controls share a pass."""


@dataclass(frozen=True, eq=False)
class Controlled:
    """log p of both answers "set prompt 2", and how each set matches set 0, the target."""

    scores: Floats
    matches: tuple[Match, ...]


def controlled(
    model: "mt.Model",
    rows: Sequence[Row],
    ablation: Ablation,
    features: Sequence[int],
    sets: Sequence[Sequence[int]],
    max_rows: int,
) -> Controlled:
    """Score the prompts with these features ablated, and with each random set in their place."""
    every = [tuple(features), *map(tuple, sets)]
    scores = np.zeros((len(every), 1 + max(row.prompt for row in rows), 2))
    lengths = []
    for one in _targets(model, rows, ablation, features, max_rows):
        writes = torch.stack([_in_place(one, ablation, own) for own in every])
        lengths.append(sizes(writes))
        for column, log_p in _scored(model, one, ablation, writes, max_rows):
            scores[:, one.row.prompt, column] = log_p.numpy()
    by_set = torch.cat(lengths, dim=1)
    return Controlled(scores, tuple(match(own, by_set[0]) for own in by_set))


def _targets(
    model: "mt.Model",
    rows: Sequence[Row],
    ablation: Ablation,
    features: Sequence[int],
    max_rows: int,
) -> Iterator[Write]:
    """What the ablation writes into each sequence, from the clean state at its site."""
    site, bos = site_of(ablation.dictionary), getattr(model.parts.config, "bos_token_id", None)
    for batch in batches(rows, max_rows):
        run = model.run([row.ids for row in batch], read=site, logits="last")
        (edit,) = ablation.edits(features, (-1 - batch[0].tail,), batch)
        assert isinstance(edit, Clamp)
        with torch.no_grad():
            change = edit.change(run[site]) * extent_of(edit, run.tokens, bos)[0].where
        for i, row in enumerate(batch):
            at = slice(int(run.tokens.first[i]), int(run.tokens.first[i]) + len(row.ids))
            yield Write(row, edit.features, run[site][i, at], change[i, at])


def _in_place(target: Write, ablation: Ablation, features: Sequence[int]) -> Tensor:
    """The write of a set "pos d_model", as long at every token as the target's."""
    dictionary = ablation.dictionary.to(target.state.device)

    def written(chosen: Sequence[int]) -> Tensor:
        at = torch.tensor(list(chosen), device=target.state.device)
        return dictionary.write(target.change, at, target.state)

    own = written(target.features)
    return own if set(features) <= set(target.features) else scaled(written(features), own)


def _scored(
    model: "mt.Model", target: Write, ablation: Ablation, writes: Tensor, max_rows: int
) -> Iterator[tuple[int, Float[Tensor, " set"]]]:
    """Per answer its column and log p "set"."""
    row, layer = target.row, site_of(ablation.dictionary).layer
    start = target.start(writes[0])
    states = target.state[start:].float() + writes[:, start:]
    most = max_rows * min(_LARGEST, len(row.ids) // states.shape[1])
    replay = record(model, stack([row.ids], 0))
    logits = torch.cat(
        [replay.resume(layer, part, last=row.tail + 1) for part in states.split(most)]
    )
    yield from log_p_of(logits, row)
