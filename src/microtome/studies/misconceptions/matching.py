"""Random features of the same mean activation, the control of an ablation.

For every ablated feature the features nearest to its mean activation (by ratio) are its peers; a
control set takes one peer of each, drawn at random, no feature twice. Ablated features are no
peers; features that happen to tell the members apart may be, so the control is not made easy.
"""

from collections.abc import Sequence

import numpy as np

from microtome.errors import InputError
from microtome.statistics import Floats

_PEERS_PER_CONTROL = 2


def matched_sets(
    features: Sequence[int], means: Floats, n: int, seed: int
) -> list[tuple[int, ...]]:
    """`n` sets, each with one feature per ablated one, all sets different.

    `means` "d_dict" are mean activations; InputError where too few other features fire.
    """
    others = np.setdiff1d(np.flatnonzero(means > 0), features)
    too_few = InputError(
        f"{len(others)} other features fire and {n} random sets of {len(features)} were asked "
        f"for; lower --top-n, or give a wider dictionary."
    )
    if len(others) < n + len(features) - 1:
        raise too_few
    rng = np.random.default_rng(seed)
    peers = [_peers(others, means, f, _PEERS_PER_CONTROL * n) for f in features]
    found: dict[frozenset[int], tuple[int, ...]] = {}
    for turn in range(100 * n):
        if len(found) == n:
            break
        # Where the nearest peers are used up, further ones are taken in.
        wider = 1 + turn // (20 * n)
        drawn = _draw(peers if wider == 1 else [others for _ in features], rng)
        if drawn is not None:
            found.setdefault(frozenset(drawn), drawn)
    if len(found) < n:
        raise too_few
    return list(found.values())


def _peers(others: np.ndarray, means: Floats, feature: int, count: int) -> np.ndarray:
    """The others nearest in mean activation; those of a feature that never fires are the least."""
    own = max(float(means[feature]), 1e-12)
    apart = np.abs(np.log(means[others] / own))
    return np.asarray(others[np.argsort(apart, kind="stable")[:count]])


def _draw(peers: Sequence[np.ndarray], rng: np.random.Generator) -> tuple[int, ...] | None:
    """One peer of each, or None where two came out alike."""
    drawn = tuple(int(rng.choice(own)) for own in peers)
    return drawn if len(set(drawn)) == len(drawn) else None
