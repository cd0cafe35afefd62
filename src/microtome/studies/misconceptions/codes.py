"""Sparse codes of many tokens, and what is read of them per prompt.

indices, values   what fires, token after token
offsets           where each token's features begin, one more than there are tokens
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PARTS = ("indices", "values", "offsets")


@dataclass(frozen=True, eq=False)
class Codes:
    """Features of consecutive tokens at one layer, compressed by rows."""

    indices: NDArray[np.int32]
    values: NDArray[np.float32]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, dense: NDArray[np.float32]) -> "Codes":
        """From activations "token d_dict"."""
        token, feature = np.nonzero(dense)
        counts = np.bincount(token, minlength=len(dense))
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return cls(feature.astype(np.int32), dense[token, feature].astype(np.float32), offsets)

    @classmethod
    def joined(cls, parts: "Sequence[Codes]") -> "Codes":
        """Tokens of one after those of the other."""
        ends = np.cumsum([0, *(int(part.offsets[-1]) for part in parts)])
        offsets = [part.offsets[:-1] + end for part, end in zip(parts, ends[:-1], strict=True)]
        return cls(
            np.concatenate([part.indices for part in parts]),
            np.concatenate([part.values for part in parts]),
            np.concatenate([*offsets, ends[-1:]]).astype(np.int64),
        )

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def dense(self, d_dict: int, start: int = 0, stop: int | None = None) -> Floats:
        """Activations "token d_dict" of the tokens from `start` to `stop`."""
        stop = len(self) if stop is None else stop
        found = np.zeros((stop - start, d_dict))
        low, high = self.offsets[start], self.offsets[stop]
        rows = np.repeat(np.arange(stop - start), np.diff(self.offsets[start : stop + 1]))
        found[rows, self.indices[low:high]] = self.values[low:high]
        return found

    def of_feature(self, feature: int) -> Floats:
        """One feature's activation at every token."""
        found = np.zeros(len(self))
        rows = np.repeat(np.arange(len(self)), np.diff(self.offsets))
        own = self.indices == feature
        found[rows[own]] = self.values[own]
        return found

    def at(self, tokens: Sequence[int] | NDArray[np.intp]) -> "Codes":
        """The codes of some of the tokens."""
        counts = np.diff(self.offsets)[tokens]
        kept = [np.arange(self.offsets[t], self.offsets[t + 1]) for t in tokens]
        place = np.concatenate([*kept, np.zeros(0, dtype=np.int64)]).astype(np.int64)
        offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return Codes(self.indices[place], self.values[place], offsets)

    def means(self, d_dict: int) -> Floats:
        """Mean activation of every feature over the tokens."""
        total = np.bincount(self.indices, self.values, minlength=d_dict)
        return np.asarray(total / max(1, len(self)), dtype=float)

    def arrays(self, layer: int, of: str = "codes") -> dict[str, np.ndarray]:
        """By the names under which a run keeps them."""
        return {f"{of}_layer_{layer}_{part}": getattr(self, part) for part in PARTS}


def of_run(arrays: Mapping[str, Mapping[str, np.ndarray]], layer: int, of: str = "codes") -> Codes:
    """The codes of all units of a run at one layer, in the order of the units."""
    by_part = [arrays[f"{of}_layer_{layer}_{part}"] for part in PARTS]
    units = list(by_part[0])
    return Codes.joined([Codes(*(part[unit] for part in by_part)) for unit in units])


def pooled(
    codes: Codes, d_dict: int, lengths: Sequence[int], reads: Sequence[Sequence[int]], how: str
) -> Floats:
    """Activations "prompt d_dict": the mean over the tokens in `reads`, or their largest."""
    found = np.zeros((len(lengths), d_dict))
    for row, (start, stop) in enumerate(_spans(lengths)):
        tokens = codes.dense(d_dict, start, stop)[list(reads[row])]
        found[row] = tokens.max(0) if how == "max" else tokens.mean(0)
    return found


def _spans(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    ends = np.cumsum([0, *lengths])
    yield from zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True)
