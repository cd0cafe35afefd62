"""Where a component ranks among its peers: random components, features, matched sets.

    p = share of the n peers, itself included, whose |mean − median of all means| is as large

so that no p is below 1 / n. A rank holds for a component that was named beforehand or chosen on
other data: "the largest stands out" is true of any list and no rank can test it.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError, NumericsError
from microtome.statistics.level import Floats


@dataclass(frozen=True, eq=False)
class Ranks:
    """p "peer" of every peer as if it had been named beforehand; `floor` is 1 / peers."""

    p: Floats
    floor: float
    peers: int

    def reaches(self, alpha: float = 0.05) -> bool:
        """Whether so many peers can reach a level at all."""
        return self.floor <= alpha


def rank_among_peers(effects: ArrayLike) -> Ranks:
    """Rank each column of `effects` [clusters, peers] (or means [peers]) among all of them.

    The same clusters for all peers; several scenarios enter as one mean per peer.
    """
    values = np.asarray(effects, dtype=float)
    means = values if values.ndim == 1 else values.mean(0)
    if means.ndim != 1 or means.size == 0:
        raise InputError(f"Peers are given as effects [clusters, peers], not {values.shape}.")
    if not np.isfinite(means).all():
        raise NumericsError("The effects of peers are not all finite.")
    apart = np.abs(means - np.median(means))
    # Ties up to rounding count as reaching.
    order = np.sort(apart)
    slack = 1e-12 * float(np.abs(means).max())
    reached = len(order) - np.searchsorted(order, apart - slack, side="left")
    return Ranks(reached / len(means), 1 / len(means), len(means))
