"""Are groups of solutions distinct? How often a judge tells pairs apart, between and within groups.

The null is that labels say nothing: they are permuted among the items of one problem.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from microtome.errors import InputError


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
    groups = [items[homes == home] for home in np.unique(homes)]
    rng = np.random.default_rng(seed)
    observed = called[apart].mean() - called[~apart].mean()
    reached = valid = 0
    for _ in range(draws):
        shuffled = names.copy()
        for group in groups:
            shuffled[group] = rng.permutation(names[group])
        across = shuffled[left] != shuffled[right]
        if across.all() or not across.any():
            continue
        valid += 1
        reached += called[across].mean() - called[~across].mean() >= observed - 1e-12
    return Contrast(
        float(called[apart].mean()), float(called[~apart].mean()), (reached + 1) / (valid + 1),
        int(apart.sum()), int((~apart).sum()),
    )  # fmt: skip
