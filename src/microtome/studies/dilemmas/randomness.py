"""A null of random components: how large would the largest mean effect be by the luck of the draw?

In every draw the effects of each cluster of prompts are dealt anew among the components of one
kind (heads among heads, MLPs among MLPs), so a component's mean is that of components taken at
random, prompt by prompt. The p-value of a component is the share of draws whose largest |mean|
within its kind, divided by the largest real spread of the kind, reaches its own (max-T).
"""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def random_component(
    effects: Floats,
    kinds: Sequence[str],
    clusters: Sequence[Hashable] | None,
    draws: int,
    seed: int,
) -> Floats:
    """p-value [m] of each column of `effects` [n, m] against random components of its kind."""
    names = list(range(len(effects))) if clusters is None else list(clusters)
    order = {name: i for i, name in enumerate(dict.fromkeys(names))}
    sums = np.zeros((len(order), effects.shape[1]))
    np.add.at(sums, [order[name] for name in names], effects)
    rng = np.random.default_rng(seed)
    p = np.ones(effects.shape[1])
    for kind in dict.fromkeys(kinds):
        columns = np.flatnonzero([k == kind for k in kinds])
        p[columns] = _within(sums[:, columns], draws, rng)
    return p


def _within(sums: Floats, draws: int, rng: np.random.Generator) -> Floats:
    observed = np.abs(sums.sum(0))
    largest = np.empty(draws)
    for i in range(draws):
        largest[i] = np.abs(rng.permuted(sums, axis=1).sum(0)).max()
    # Equal sums in another order differ by rounding; they count as reaching the observed one.
    reached = (largest[:, None] >= observed * (1 - 1e-9)).sum(0)
    p: Floats = (reached + 1) / (draws + 1)
    return p
