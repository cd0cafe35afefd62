"""The corpus: a seeded stream of documents of five kinds, in a fixed mixture."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import islice

from microtome.errors import ConfigError, suggest
from microtome.specimens.world import arithmetic, dilemmas, facts, physics, taxonomy
from microtome.specimens.world.document import Document, Kind, Split

GENERATORS: dict[Kind, Callable[[random.Random, Split], Document]] = {
    "taxonomy": taxonomy.document,
    "arithmetic": arithmetic.document,
    "physics": physics.document,
    "dilemmas": dilemmas.document,
    "facts": facts.document,
}
MIXTURE: dict[Kind, float] = {
    "taxonomy": 0.20,
    "arithmetic": 0.12,
    "physics": 0.18,
    "dilemmas": 0.20,
    "facts": 0.30,
}
"""Share of each kind by number of documents."""


def stream(kind: Kind, split: Split, seed: int) -> Iterator[Document]:
    """Endless documents of one kind; the same kind, split and seed give the same documents."""
    if kind not in GENERATORS:
        raise ConfigError(f"Unknown kind of document {kind!r}.{suggest(kind, GENERATORS)}")
    if split not in ("train", "heldout"):
        raise ConfigError(f"Unknown split {split!r}: there are 'train' and 'heldout'.")
    rng = random.Random(f"{kind}:{split}:{seed}")
    while True:
        yield GENERATORS[kind](rng, split)


def documents(kind: Kind, split: Split = "heldout", seed: int = 0, n: int = 100) -> list[Document]:
    """`n` documents of one kind (repeats are possible: the held-out world is small)."""
    return list(islice(stream(kind, split, seed), n))


def mixed(split: Split, seed: int) -> Iterator[Document]:
    """Endless documents of all kinds, drawn by `MIXTURE`, in the order of training."""
    rng = random.Random(f"mixture:{split}:{seed}")
    streams = {kind: stream(kind, split, seed) for kind in MIXTURE}
    kinds, weights = tuple(MIXTURE), tuple(MIXTURE.values())
    while True:
        yield next(streams[rng.choices(kinds, weights)[0]])
