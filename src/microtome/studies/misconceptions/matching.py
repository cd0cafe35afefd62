"""Matched controls of an ablation: random atoms at the same tokens, written with the same size.

An ablation adds Σ cₖ·dₖ to the state of every token at which its features fire. A control takes
other atoms, drawn at random, adds Σ cₖ·rₖ at the same tokens and scales each token's sum to the
length of the ablation's own. So neither where nor how much is written tells the two apart, only
the direction: random features of the same mean activation would fire at other tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from microtome.errors import InputError
from microtome.studies.misconceptions.scoring import Row

_SILENT = 1e-12
"""Length up to which a write counts as none."""


def random_sets(
    features: Sequence[int], pool: NDArray[np.intp], n: int, seed: int
) -> list[tuple[int, ...]]:
    """`n` different sets from `pool`, as large as `features` and without any of them.

    InputError where the pool holds fewer different sets.
    """
    others = np.setdiff1d(pool, features)
    if comb(len(others), len(features)) < n:
        raise InputError(
            f"{n} random sets of {len(features)} features were asked for and the dictionary has "
            f"{len(others)} other atoms; lower --controls, or give a wider dictionary."
        )
    rng = np.random.default_rng(seed)
    found: dict[frozenset[int], tuple[int, ...]] = {}
    while len(found) < n:
        drawn = tuple(int(f) for f in rng.choice(others, len(features), replace=False))
        found.setdefault(frozenset(drawn), drawn)
    return list(found.values())


@dataclass(frozen=True, eq=False)
class Write:
    """One sequence and what ablating `features` changes there: `change` of each, at every token."""

    row: Row
    features: tuple[int, ...]
    state: Float[Tensor, "pos d_model"]
    change: Float[Tensor, "pos chosen"]

    def start(self, write: Float[Tensor, "pos d_model"]) -> int:
        """First position that is needed: written to, or scored."""
        written = torch.nonzero(sizes(write) > _SILENT).flatten().tolist()
        return min([self.row.n_prompt - 1, *written[:1]])


def sizes(write: Float[Tensor, "*set pos d_model"]) -> Float[Tensor, "*set pos"]:
    """Length of what is written at every token."""
    return write.float().norm(dim=-1)


def scaled(
    write: Float[Tensor, "pos d_model"], like: Float[Tensor, "pos d_model"]
) -> Float[Tensor, "pos d_model"]:
    """The same directions with the lengths of another write, token by token."""
    own = sizes(write)[..., None]
    return torch.where(own > _SILENT, write * (sizes(like)[..., None] / own), write)


@dataclass(frozen=True)
class Match:
    """How a control's writes compare with those of its target, over all prompts."""

    tokens: int
    """Tokens at which the target writes."""
    elsewhere: int
    """Tokens at which only one of the two writes."""
    size: float
    """Mean length of the control's writes at the target's tokens."""
    target_size: float
    apart: float
    """Largest relative difference of the two lengths at a token."""


def match(own: Float[Tensor, " tokens"], target: Float[Tensor, " tokens"]) -> Match:
    """Compare what a control writes with what its target writes, by the `sizes` at every token."""
    here, there = own > _SILENT, target > _SILENT
    if not there.any():
        return Match(0, int(here.sum()), 0.0, 0.0, 0.0)
    return Match(
        int(there.sum()), int((here != there).sum()), float(own[there].mean()),
        float(target[there].mean()), float(((own - target).abs()[there] / target[there]).max()),
    )  # fmt: skip
