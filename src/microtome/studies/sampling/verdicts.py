"""What the forks show: where a method is chosen, what a fork changes, and whether it lasts.

Intervals resample problems: forks of one solution share its text.
"""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab import evidence
from microtome.lab.study import Finding
from microtome.statistics import Interval, share
from microtome.studies.sampling.branches import Rows
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import PROBLEMS

if TYPE_CHECKING:
    import pandas as pd

_MANNER = {
    "spread": "√(p1 p2)·D", "divergence": "D alone", "relative": "D over that of samples",
    "entropy": "entropy",
}  # fmt: skip


def findings(forks: "pd.DataFrame", top: Rows, study: Configuration) -> list[Finding]:
    """The step's findings; on methods only where methods are known."""
    own = [row for row in top if row["ranking"] == study.rank_forks]
    if not own:
        return []
    found = [_where(own, forks, study)]
    if all(row["chooses_method"] is not None for row in own):
        found.append(_method(own, top, study))
    if forks["outcome_change"].notna().any():
        found.append(_outcome(forks, study))
    return [*found, _rejoined(forks, study)]


def chance_of_as_many(hits: int, shares: "list[float]") -> float:
    """P(as many hits or more) if each problem's top fork were drawn from its own at random."""
    counts = np.array([1.0])
    for one in shares:
        counts = np.convolve(counts, [1 - one, one])
    return float(counts[hits:].sum())


def _method(own: Rows, top: Rows, study: Configuration) -> Finding:
    hits = [bool(row["chooses_method"]) for row in own]
    shares = [row["share_that_choose"] for row in own]
    found = share(hits, [row["problem"] for row in own], study.at)
    plain = [row for row in top if row["ranking"] == "divergence"]
    other = sum(bool(row["other_method"]) for row in own)
    chance = chance_of_as_many(sum(hits), shares)
    return Finding.stated(
        f"In {sum(hits)} of {len(own)} solutions the top fork is the token that chooses the method "
        f"({_ends(found)}); in {other} the second token leads to another method.",
        **evidence.bounds(found), unit="share of solutions",
        about="top fork at the choice of a method",
        control=f"a random fork of the solution is that token in {np.mean(shares):.0%} (p = "
        f"{chance:.2g} for as many); ranked by D alone "
        f"{sum(bool(row['chooses_method']) for row in plain)} of {len(plain)} are",
    )  # fmt: skip


def _where(own: Rows, forks: "pd.DataFrame", study: Configuration) -> Finding:
    first = forks[forks["rank_in_problem"] == 1]
    rest = forks[forks["rank_in_problem"].notna() & (forks["rank_in_problem"] > 1)]
    p2 = evidence.share(first, "p2", by="problem", at=study.at)
    others = f"{rest['p2'].mean():.2g}" if len(rest) else "none"
    return Finding.stated(
        f"Ranked by {_MANNER[study.rank_forks]}, the top fork stands at token "
        f"{np.median([row['t'] for row in own]):.0f} of a solution (median); its second token has "
        f"p = {p2.value:.2g} ({_ends(p2)}).",
        **evidence.bounds(p2), unit="probability", about="top fork, second token",
        control=f"mean p of the second token at the other forks: {others}",
    )  # fmt: skip


def _outcome(forks: "pd.DataFrame", study: Configuration) -> Finding:
    graded = forks[forks["outcome_change"].notna()]
    graded = graded.assign(changed=graded["outcome_change"].astype(float))
    first = graded["rank_in_problem"] == 1
    found = evidence.share(graded, "changed", by="problem", at=study.at)
    top, others = (
        f"{rows['changed'].mean():.0%}" if len(rows) else "none"
        for rows in (graded[first], graded[~first])
    )
    return Finding.stated(
        f"{found.value:.0%} of forced tokens change the answer ({_ends(found)}): {top} of the top "
        f"forks, {others} of the others.",
        **evidence.bounds(found), unit="share of forks", about="answers changed by a forced token",
        control="forcing the greedy token changes nothing (audit)",
    )  # fmt: skip


def _rejoined(forks: "pd.DataFrame", study: Configuration) -> Finding:
    forks = forks.assign(back=forks["rejoin_step"].notna().astype(float))
    found = evidence.share(forks, "back", by="problem", at=study.at)
    back, top = forks["back"] > 0, forks["rank_in_problem"] == 1
    after = f", from token {forks['rejoin_step'].median():.0f} on (median)" if back.any() else ""
    return Finding.stated(
        f"{found.value:.0%} of branches return to the words of the greedy solution{after} "
        f"({_ends(found)}).",
        **evidence.bounds(found), unit="share of forks", about="branches that re-join",
        control=f"of the top forks {back[top].mean():.0%}" if top.any() else "no top fork",
    )  # fmt: skip


def _ends(interval: Interval) -> str:
    return evidence.worded(interval, PROBLEMS, ".2g")
