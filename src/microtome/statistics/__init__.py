"""Everything that is inferred: one method per quantity, one rule for degenerate data.

    mean share difference ratio signed_share ratio_of_geometric_means auroc    -> Interval
    mean_is_0 symmetric_about_0      many columns at once, max-T               -> Columns
    rank_among_peers held_out_maximum    peers, and the largest of many
    benjamini_hochberg decide        a run's claims as one family

The unit is the cluster (scenario, problem, pair, seed). `Level` is a value: the same data and the
same Level give bitwise the same interval at every caller.
"""

from microtome.statistics.columns import Columns, mean_is_0, smallest_flip_p, symmetric_about_0
from microtome.statistics.differences import difference
from microtome.statistics.families import Decisions, Family, benjamini_hochberg, decide
from microtome.statistics.heldout import HeldOut, held_out_maximum
from microtome.statistics.interval import Interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.means import mean, share
from microtome.statistics.peers import Ranks, rank_among_peers
from microtome.statistics.ratios import ratio, ratio_of_geometric_means, signed_share
from microtome.statistics.separation import auroc

__all__ = [
    "Columns",
    "Decisions",
    "Family",
    "Floats",
    "HeldOut",
    "Interval",
    "Level",
    "Ranks",
    "auroc",
    "benjamini_hochberg",
    "decide",
    "difference",
    "held_out_maximum",
    "mean",
    "mean_is_0",
    "rank_among_peers",
    "ratio",
    "ratio_of_geometric_means",
    "share",
    "signed_share",
    "smallest_flip_p",
    "symmetric_about_0",
]
