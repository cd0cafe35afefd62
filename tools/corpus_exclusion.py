"""Reads what the base model was trained on, from its rows, for what is excluded from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerFast

from microtome.specimens.world.exclusion import forbidden
from microtome.specimens.world.overlap import Overlap

_ROWS = 2000


def documents(rows: np.ndarray, tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The documents in rows of token ids, "row pos", that `specimen_rows` has written."""
    ids = rows[rows != tokenizer.pad_token_id].astype(np.int64)
    ends = np.flatnonzero(ids == tokenizer.eos_token_id)
    pieces = [piece.tolist() for piece in np.split(ids, ends + 1)[:-1]]
    found: list[str] = tokenizer.backend_tokenizer.decode_batch(pieces, skip_special_tokens=True)
    return found


def _batches(paths: Iterable[Path], tokenizer: PreTrainedTokenizerFast) -> Iterator[list[str]]:
    for path in paths:
        rows = np.load(path, mmap_mode="r")
        for start in range(0, len(rows), _ROWS):
            yield documents(np.asarray(rows[start : start + _ROWS]), tokenizer)


def read_rows(paths: Iterable[Path], tokenizer: PreTrainedTokenizerFast) -> dict[str, Any]:
    """How many documents files of rows hold, and what these hold of what is excluded."""
    overlap, n, hits = Overlap(forbidden()), 0, []
    for texts in _batches(paths, tokenizer):
        n += len(texts)
        hits += [
            {"name": hit.name, "found": hit.found, "document": texts[hit.place]}
            for hit in overlap.hits(texts)
        ]
    return {"documents": n, "excluded": len(overlap.excluded), "hits": hits}
