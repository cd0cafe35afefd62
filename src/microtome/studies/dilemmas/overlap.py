"""How much two circuits share, against random circuits of as many heads and as many MLPs.

    J = |A ∩ B| / |A ∪ B|        |A ∩ B| = Σ over kinds of a hypergeometric count, if B is random

The distribution is exact: the counts of the kinds are independent, so theirs is the convolution.
A search returns one of possibly many circuits, so sharing less than chance is weak evidence of
distinct circuits, and sharing more is strong evidence of a common one: of circuits that were
searched on different wordings. On the same wordings both searches find what these wordings need.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.study import Tables
from microtome.studies.dilemmas.claims import LEAST_SHARE
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.patching import kind_of
from microtome.studies.dilemmas.players import players
from microtome.studies.dilemmas.relations import COMPARED, relation

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_FAR = 200.0
"""Log odds ratio beyond which circuits share all they can, or nothing."""


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
    wordings = {pair: rows["wording"].iloc[0] for pair, rows in groups(circuits, *_PAIR)}
    found = []
    for (one, own), (other, theirs) in combinations(members.items(), 2):
        p = chance_overlap(_kinds(own), _kinds(theirs), there)
        shared, sizes = len(set(own) & set(theirs)), len(own) + len(theirs)
        counts = np.arange(len(p))
        found.append(
            {
                "first": _title(one),
                "second": _title(other),
                "relation": relation(one, other),
                "same_wordings": bool(wordings[one] == wordings[other]),
                "n_first": len(own),
                "n_second": len(theirs),
                "shared": shared,
                "jaccard": shared / (sizes - shared),
                "jaccard_by_chance": float((p * counts / (sizes - counts)).sum()),
                "p_as_many": min(1.0, float(p[shared:].sum())),
                "p_as_few": min(1.0, float(p[: shared + 1].sum())),
                "smallest_p_many": float(p[-1]),
                "smallest_p_few": float(p[p > 0][0]),
                "chance": p.tolist(),
            }
        )
    return found


def shared_between(p: NDArray[np.float64], shared: int, alpha: float) -> tuple[float, float]:
    """Interval of the expected number of shared nodes, dual to twice the smaller tail of `p`.

    Circuits that attract each other by a common odds ratio ψ share k nodes with probability
    ∝ p(k) ψᵏ (Fisher's noncentral hypergeometric). The ends are the means of those two such
    distributions that give `shared` or a more extreme number the probability alpha / 2.
    """
    from scipy.optimize import brentq

    counts = np.arange(len(p))
    least, most = (float(counts[p > 0][end]) for end in (0, -1))

    def tilted(log_odds: float) -> NDArray[np.float64]:
        weight = np.where(p > 0, np.log(np.where(p > 0, p, 1.0)) + counts * log_odds, -np.inf)
        odds = np.exp(weight - weight.max())
        found: NDArray[np.float64] = odds / odds.sum()
        return found

    def end(tail: slice) -> float:
        at = brentq(lambda x: float(tilted(x)[tail].sum()) - alpha / 2, -_FAR, _FAR)
        return float((tilted(at) * counts).sum())

    low = least if shared <= least else end(slice(shared, None))
    high = most if shared >= most else end(slice(None, shared + 1))
    return min(low, float(shared)), max(high, float(shared))


def overlap_findings(rows: Rows, study: Configuration) -> list[Finding]:
    """Circuits of one pair in both directions, and of one source into two receivers."""
    related = [row for row in rows if row["relation"] in COMPARED]
    return [_finding(row, study) for row in related]


def model_nodes(tables: Tables) -> dict[str, int]:
    """How many heads and MLPs were patched, which are the nodes of every search."""
    names = set(tables["patching_results"]["component"])
    return {kind: sum(kind_of(name) == kind for name in names) for kind in ("head", "mlp")}


def _finding(row: dict[str, Any], study: Configuration) -> Finding:
    both, shared = f"{row['first']} and {row['second']}", row["shared"]
    p = np.array(row["chance"])
    expected = float((p * np.arange(len(p))).sum())
    low, high = shared_between(p, shared, 1 - study.level)
    evidence = Evidence(
        float(shared), low, high, "shared components", row["n_first"] + row["n_second"],
        f"random circuits of as many heads and MLPs share {expected:.2g}: "
        f"p = {row['p_as_many']:.2g} for as many, {row['p_as_few']:.2g} for as few",
        f"Of {row['n_first']} and {row['n_second']} components; Jaccard {row['jaccard']:.2f}, by "
        f"chance {row['jaccard_by_chance']:.2f}. {_searched(row)} A search returns one of possibly "
        f"many circuits: few shared components are weak evidence of distinct ones.",
    )  # fmt: skip
    return Finding(
        f"The circuits {both}: that they share more or fewer components than by chance is not "
        f"shown; they share {shared}.",
        evidence, f"circuits {both}", "distinct", _claim(row, both, expected),
    )  # fmt: skip


def _searched(row: dict[str, Any]) -> str:
    if row["same_wordings"]:
        return "Both were searched on the same wordings and share what these need: no p is given."
    return "They were searched on different wordings."


def _claim(row: dict[str, Any], both: str, expected: float) -> Claim:
    """Two-sided: twice the smaller tail; no p for circuits that the same wordings chose."""
    share = f"The circuits {both} share {row['shared']} components,"
    smaller = min(row["n_first"], row["n_second"])
    p = min(1.0, 2 * min(row["p_as_many"], row["p_as_few"]))
    return Claim(
        p=None if row["same_wordings"] else p, null=expected,
        floor=min(1.0, 2 * min(row["smallest_p_many"], row["smallest_p_few"])),
        least=max(1.0, LEAST_SHARE * smaller),
        above=f"{share} more than by chance.", below=f"{share} fewer than by chance.",
        false_in="random circuits of as many heads and MLPs",
    )  # fmt: skip


_PAIR = ("source", "target")


def _title(pair: Sequence[str]) -> str:
    labels = players(pair)
    return f"{labels[pair[0]].label} → {labels[pair[1]].label}"


def _kinds(names: Sequence[str]) -> dict[str, int]:
    kinds = [kind_of(name) for name in names]
    return {kind: kinds.count(kind) for kind in dict.fromkeys(kinds)}
