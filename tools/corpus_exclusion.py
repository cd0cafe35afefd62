"""Reads the documents that the base model is trained on for what is excluded from them."""

from __future__ import annotations

from itertools import islice
from typing import Any

from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.exclusion import forbidden
from microtome.specimens.world.overlap import Overlap

_AT_ONCE = 20_000


def read_documents(n: int, seed: int) -> dict[str, Any]:
    """What the first `n` training documents hold of what is excluded (40 s for a million)."""
    overlap, hits = Overlap(forbidden()), []
    texts = (document.text for document in islice(mixed("train", seed), n))
    while some := list(islice(texts, _AT_ONCE)):
        hits += [
            {"name": hit.name, "found": hit.found, "document": some[hit.place]}
            for hit in overlap.hits(some)
        ]
    return {"documents": n, "seed": seed, "excluded": len(overlap.excluded), "hits": hits}
