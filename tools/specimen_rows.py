"""The rows that the `world` base model is trained on: whole documents, padded at the end."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from microtome.specimens.world.corpus import mixed

ROW = 256
"""Tokens in a row."""


def write_rows(path: Path, tokenizer: PreTrainedTokenizerFast, n_rows: int, seed: int) -> None:
    """`n_rows` x ROW token ids (uint16) of whole documents, <bos> text <eos>, padded at the end."""
    rows = np.full((n_rows, ROW), tokenizer.pad_token_id, dtype=np.uint16)
    row, used = 0, 0
    documents = mixed("train", seed)
    while row < n_rows:
        texts = [d.text for d in islice(documents, 2000)]
        for ids in tokenizer(texts)["input_ids"]:
            ids = [*ids, tokenizer.eos_token_id]
            if used + len(ids) > ROW:
                row, used = row + 1, 0
            if row == n_rows:
                break
            rows[row, used : used + len(ids)] = ids
            used += len(ids)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, rows)
    os.replace(partial, path)
