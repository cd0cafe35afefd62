"""How much two circuits share, against random circuits of as many heads and as many MLPs.

    J = |A ∩ B| / |A ∪ B|        |A ∩ B| = Σ over kinds of a hypergeometric count, if B is random

The distribution is exact: the counts of the kinds are independent, so theirs is the convolution.
A search returns one of possibly many circuits, so sharing less than chance is weak evidence of
distinct circuits, and sharing more is strong evidence of a common one.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microtome.lab.study import Finding, Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.patching import kind_of
from microtome.studies.dilemmas.players import players

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]


def chance_overlap(
    first: Mapping[str, int], second: Mapping[str, int], there: Mapping[str, int]
) -> NDArray[np.float64]:
    """P(k shared nodes), k = 0, 1, ..., given how many of each kind both and the model have."""
    from scipy.stats import hypergeom

    p = np.ones(1)
    for kind, n in there.items():
        a, b = first.get(kind, 0), second.get(kind, 0)
        p = np.convolve(p, hypergeom(n, a, b).pmf(np.arange(min(a, b) + 1)))
    return p


def overlaps(circuits: "pd.DataFrame", there: Mapping[str, int]) -> Rows:
    """Every two circuits of a run: Jaccard index, what chance gives, and both tails."""
    members = {pair: list(rows["component"]) for pair, rows in groups(circuits, *_PAIR)}
    found = []
    for (one, own), (other, theirs) in combinations(members.items(), 2):
        p = chance_overlap(_kinds(own), _kinds(theirs), there)
        shared, sizes = len(set(own) & set(theirs)), len(own) + len(theirs)
        counts = np.arange(len(p))
        found.append(
            {
                "first": _title(one),
                "second": _title(other),
                "relation": _relation(one, other),
                "n_first": len(own),
                "n_second": len(theirs),
                "shared": shared,
                "jaccard": shared / (sizes - shared),
                "jaccard_by_chance": float((p * counts / (sizes - counts)).sum()),
                "p_as_many": min(1.0, float(p[shared:].sum())),
                "p_as_few": min(1.0, float(p[: shared + 1].sum())),
                "smallest_p_many": float(p[-1]),
                "smallest_p_few": float(p[p > 0][0]),
            }
        )
    return found


def overlap_findings(rows: Rows, study: Configuration) -> list[Finding]:
    """Circuits of one pair in both directions, and of one source into two receivers."""
    told = [row for row in rows if row["relation"] in ("both ways", "one source")]
    return [_finding(row, study) for row in told]


def model_nodes(tables: Tables) -> dict[str, int]:
    """How many heads and MLPs were patched, which are the nodes of every search."""
    names = set(tables["patching_results"]["component"])
    return {kind: sum(kind_of(name) == kind for name in names) for kind in ("head", "mlp")}


def _finding(row: dict[str, Any], study: Configuration) -> Finding:
    alpha = 1 - study.level
    verdict = "which chance gives as well"
    if row["p_as_many"] < alpha:
        verdict = "more than chance: they have parts in common"
    elif row["p_as_few"] < alpha:
        verdict = "less than chance: they are distinct"
    elif min(row["smallest_p_many"], row["smallest_p_few"]) >= alpha:
        verdict = f"and circuits of these sizes cannot reach p < {alpha:.2g} either way"
    both = f"{row['first']} and {row['second']}"
    return Finding.stated(
        f"The circuits {both} share {row['shared']} components of {row['n_first']} and "
        f"{row['n_second']} (Jaccard {row['jaccard']:.2f}, by chance "
        f"{row['jaccard_by_chance']:.2f}), {verdict}.",
        row["jaccard"], unit="Jaccard index", n=row["n_first"] + row["n_second"],
        about=f"circuits {both}",
        control=f"p = {row['p_as_many']:.2g} for as many and {row['p_as_few']:.2g} for as few, "
        "against random circuits of as many heads and MLPs",
    )  # fmt: skip


_PAIR = ("source", "target")


def _title(pair: Sequence[str]) -> str:
    labels = players(pair)
    return f"{labels[pair[0]].label} → {labels[pair[1]].label}"


def _relation(one: Sequence[str], other: Sequence[str]) -> str:
    if one[0] == other[1] and one[1] == other[0]:
        return "both ways"
    if one[0] == other[0]:
        return "one source"
    return "one receiver" if one[1] == other[1] else "other"


def _kinds(names: Sequence[str]) -> dict[str, int]:
    kinds = [kind_of(name) for name in names]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
