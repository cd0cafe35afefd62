"""Excluded runs of words, found in a row of numbers by rolling hashes.

For every length L the hash h_L[i] = h_(L-1)[i] p + m[word i+L-1] of all runs meets a table of the
runs that are excluded; what passes the table is compared word by word.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from microtome.specimens.world.words import word

_BITS = 22
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_REMEMBERED = 500_000


class Numbers(dict[str, int]):
    """token -> number of its word; 0 if nothing excluded has it, -1 for bare punctuation."""

    def __init__(self, known: Iterable[str]) -> None:
        super().__init__()
        self.known = {own: number for number, own in enumerate(known, 1)}

    def __missing__(self, token: str) -> int:
        own = word(token)
        number = self.known.get(own, 0) if own else -1
        if len(self) < _REMEMBERED:
            self[token] = number
        return number


class Runs:
    """Excluded runs of words, as numbers, by their length."""

    def __init__(self) -> None:
        self.owners: dict[tuple[int, ...], list[int]] = defaultdict(list)

    def add(self, run: Sequence[int], owner: int) -> None:
        if owner not in self.owners[tuple(run)]:
            self.owners[tuple(run)].append(owner)

    def find(self, row: np.ndarray, mixed: np.ndarray) -> list[tuple[int, tuple[int, ...]]]:
        """(start, run) of every excluded run in a row of numbers: [word]."""
        found = []
        values, hashes = mixed[row], mixed[row]
        lengths = sorted({len(run) for run in self.owners})
        for length in range(1, max(lengths, default=0) + 1):
            if length > 1:
                hashes = hashes[:-1] * _FACTOR + values[length - 1 :]
            if length in lengths:
                found += self._of_length(length, row, hashes, mixed)
        return found

    def _of_length(
        self, length: int, row: np.ndarray, hashes: np.ndarray, mixed: np.ndarray
    ) -> list[tuple[int, tuple[int, ...]]]:
        runs = np.array([run for run in self.owners if len(run) == length])
        own = mixed[runs[:, 0]]
        for place in range(1, length):
            own = own * _FACTOR + mixed[runs[:, place]]
        table = np.zeros(1 << _BITS, dtype=bool)
        table[_slot(own)] = True
        starts = np.flatnonzero(table[_slot(hashes)])
        there = ((int(s), tuple(row[s : s + length].tolist())) for s in starts)
        return [(start, run) for start, run in there if run in self.owners]


def _slot(hashes: np.ndarray) -> np.ndarray:
    return (hashes >> np.uint64(64 - _BITS)).astype(np.int64)
