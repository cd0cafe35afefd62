"""Are groups of solutions distinct? How often a judge tells pairs apart, between and within groups.

The null is that labels say nothing: they are permuted among the items of one problem.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtome.errors import InputError
from microtome.statistics import Floats

_BLOCK = 500
"""Permutations that are compared at once."""


@dataclass(frozen=True)
class Contrast:
    """How often pairs were called distinct between and within clusters, and its p-value."""

    between: float
    within: float
    p: float
    n_between: int
    n_within: int

    @property
    def difference(self) -> float:
        """Distinct rate between clusters minus that within them."""
        return self.between - self.within


def within_between(
    pairs: Sequence[tuple[int, int]],
    distinct: Sequence[bool],
    labels: Sequence[int],
    problems: Sequence[str] | None = None,
    *,
    draws: int = 4999,
    seed: int = 42,
) -> Contrast:
    """Are `pairs` of items more often `distinct` where their `labels` differ?

    `labels` and `problems` have one entry per item; p is the share of permutations of labels
    (among items of one problem) that give as large a difference. InputError unless there are
    pairs of both kinds.
    """
    left, right = np.array(pairs, dtype=int).reshape(-1, 2).T
    called, names = np.asarray(distinct, float), np.asarray(labels)
    apart = names[left] != names[right]
    if len(left) == 0 or apart.all() or not apart.any():
        raise InputError("The test needs pairs within clusters and pairs between them.")
    items = np.unique(np.concatenate([left, right]))
    homes = np.zeros(len(items)) if problems is None else np.asarray(problems)[items]
    observed = called[apart].mean() - called[~apart].mean()
    reached = valid = 0
    for shuffled in _permuted(names, homes, items, draws, seed):
        gaps = _gaps(shuffled[:, left] != shuffled[:, right], called)
        valid += len(gaps)
        reached += int((gaps >= observed - 1e-12).sum())
    return Contrast(
        float(called[apart].mean()), float(called[~apart].mean()), (reached + 1) / (valid + 1),
        int(apart.sum()), int((~apart).sum()),
    )  # fmt: skip


def _permuted(
    names: NDArray[Any], homes: NDArray[Any], items: NDArray[np.intp], draws: int, seed: int
) -> Iterator[NDArray[Any]]:
    """Blocks "draw item" of labels permuted among the items of one home."""
    rng = np.random.default_rng(seed)
    for start in range(0, draws, _BLOCK):
        shuffled = np.tile(names, (min(_BLOCK, draws - start), 1))
        for home in np.unique(homes):
            group = items[homes == home]
            shuffled[:, group] = rng.permuted(shuffled[:, group], axis=1)
        yield shuffled


def _gaps(across: NDArray[np.bool_], called: Floats) -> Floats:
    """Distinct rate between clusters minus within them "draw", of draws with pairs of both kinds.

    `across` "draw pair" says which pairs lie between clusters, `called` "pair" which are distinct.
    """
    between = across.sum(1)
    both = (between > 0) & (between < across.shape[1])
    hits, between = (across[both] @ called), between[both]
    gaps: Floats = hits / between - (called.sum() - hits) / (across.shape[1] - between)
    return gaps
