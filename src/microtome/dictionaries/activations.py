"""Where training takes its activations from: memory, a model that runs on, or shards on disk.

A source is a sequence of rounds, each a function of its number alone: a round is loaded, shuffled
by (seed, number) and dealt out in batches. So a place in the data is two integers, and a killed
training goes on where it was. The remainder of a round smaller than a batch is dropped.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from microtome import files
from microtome.dictionaries.finite import not_finite
from microtome.dictionaries.harvest import Rows, harvest, single_sites, windows
from microtome.errors import InputError, NumericsError
from microtome.model.model import Model
from microtome.model.site import Site

Batch = Mapping[Site, Float[Tensor, "tokens d"]]


class Activations(Protocol):
    """What `train` learns from."""

    @property
    def sites(self) -> tuple[Site, ...]: ...
    @property
    def model(self) -> str:
        """The model's name and digest, or "" for activations from elsewhere."""
        ...

    @property
    def digest(self) -> str:
        """Of the data: a training goes on from a checkpoint only on the same."""
        ...

    def round(self, number: int, sites: Sequence[Site]) -> Batch:
        """Aligned activations of one round at some sites, on any device, in any float format."""
        ...

    def place(self, number: int, row: int, site: Site) -> str:
        """Where a row of a round comes from, for an error message."""
        ...


@dataclass(frozen=True)
class Cursor:
    """A place in the data: the next batch of a round."""

    round: int = 0
    batch: int = 0


def batches(
    source: Activations,
    sites: Sequence[Site],
    size: int,
    start: Cursor = Cursor(),
    seed: int = 0,
) -> Iterator[tuple[Batch, Cursor]]:
    """Endless shuffled batches from a place on, each with the place after it."""
    number, first = start.round, start.batch
    empty = 0
    while True:
        values = source.round(number, sites)
        _demand_finite(source, number, values)
        length = len(next(iter(values.values())))
        order = torch.randperm(length, generator=_generator(seed, number))
        for batch in range(first, length // size):
            chosen = order[batch * size : (batch + 1) * size]
            yield (
                {site: value[chosen.to(value.device)] for site, value in values.items()},
                Cursor(number, batch + 1),
            )
        empty = 0 if length >= size else empty + 1
        if empty > 2:
            raise InputError(
                f"A round of activations has {length} tokens, less than one batch of {size}; "
                f"give more texts, a larger buffer or a smaller batch."
            )
        number, first = number + 1, 0


def _demand_finite(source: Activations, number: int, values: Batch) -> None:
    """NumericsError that names the first token whose activation is not finite."""
    for site, value in values.items():
        found = not_finite(value)
        if found is not None:
            row, what = found
            raise NumericsError(
                f"The activation at {site} in {source.place(number, row, site)} is {what}; leave "
                f"that token out, or compute the activations in float32."
            )


def _generator(seed: int, number: int) -> torch.Generator:
    return torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)


@dataclass(frozen=True, eq=False)
class InMemory:
    """Activations at hand: tensors "tokens d", aligned over sites; a round is all of them."""

    values: Batch
    model: str = ""

    def __post_init__(self) -> None:
        lengths = {str(site): tuple(value.shape) for site, value in self.values.items()}
        same = len({shape[0] for shape in lengths.values()}) == 1
        if not lengths or not same or any(len(shape) != 2 for shape in lengths.values()):
            raise InputError(
                f"Activations in memory are one matrix 'tokens d' per site, of equally many "
                f"tokens; got {lengths}."
            )

    @property
    def sites(self) -> tuple[Site, ...]:
        return tuple(self.values)

    @property
    def digest(self) -> str:
        told = {str(site): [list(v.shape), _checksum(v)] for site, v in self.values.items()}
        return files.digest(told)

    def round(self, number: int, sites: Sequence[Site]) -> Batch:
        return {site: self.values[site] for site in sites}

    def place(self, number: int, row: int, site: Site) -> str:
        return f"row {row} of those given"


@dataclass(frozen=True, eq=False)
class Stream:
    """Activations computed while training: every round runs the model on the next texts."""

    source: Model
    rows: Rows
    sites: tuple[Site, ...]
    blocks: tuple[tuple[int, ...], ...]
    """Row numbers of each round of an epoch."""

    @property
    def model(self) -> str:
        return identity(self.source)

    @property
    def digest(self) -> str:
        return files.digest([precision(self.source), self.rows, self.blocks])

    def round(self, number: int, sites: Sequence[Site]) -> Batch:
        block = self.blocks[number % len(self.blocks)]
        return harvest(self.source, [self.rows[i] for i in block], sites, block).values

    def place(self, number: int, row: int, site: Site) -> str:
        return f"row {row} of round {number} of the stream"


def stream(
    model: Model,
    texts: Sequence[str] | Rows,
    sites: Sequence[Site],
    *,
    buffer: int = 2**17,
    context: int | None = None,
    seed: int = 0,
) -> Stream:
    """Activations of texts at sites as training needs them, shuffled in rounds of `buffer` tokens.

    Texts come in a seeded random order; after the last one the first comes again.
    """
    rows = windows(model, texts, context)
    order = list(range(len(rows)))
    random.Random(seed).shuffle(order)
    blocks = cut([len(rows[i]) for i in order], buffer)
    numbered = tuple(tuple(order[a:b]) for a, b in blocks)
    return Stream(model, rows, single_sites(model, sites), numbered)


def cut(lengths: Sequence[int], size: int) -> list[tuple[int, int]]:
    """Consecutive stretches of at least `size` tokens; a short last one joins its neighbour."""
    found: list[tuple[int, int]] = []
    start = total = 0
    for at, length in enumerate(lengths, start=1):
        total += length
        if total >= size:
            found.append((start, at))
            start, total = at, 0
    if start < len(lengths):
        found = [*found[:-1], (found[-1][0] if found else 0, len(lengths))]
    return found


def identity(model: Model) -> str:
    """What a model is called in manifests: its name and digest."""
    adapter = "" if model.adapter_source is None else f"+{model.adapter_source.digest[:16]}"
    return f"{model.name}@{model.source.digest[:16]}{adapter}"


def precision(model: Model) -> str:
    """What a model computes in, which changes its activations and not its digest."""
    hf = model.parts.hf
    bits = [f" in {b} bits" for b in (4, 8) if getattr(hf, f"is_loaded_in_{b}bit", False)]
    return "".join([str(hf.dtype).removeprefix("torch."), *bits])


def _checksum(value: Tensor) -> int:
    """Of every bit and its row, the same whatever the order of adding up."""
    whole = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}
    rows = value.contiguous().view(whole[value.element_size()]).sum(-1, dtype=torch.int64)
    return int((rows * torch.arange(1, len(rows) + 1, device=rows.device)).sum())
