"""What the forks show: where a method is chosen, what a fork changes, and whether it lasts.

Intervals resample problems: forks of one solution share its text.
"""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab import evidence
from microtome.lab.claims import Claim
from microtome.lab.study import Finding
from microtome.statistics import share
from microtome.studies.sampling import effects
from microtome.studies.sampling.branches import Rows
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import evidence_of

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "forks"
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
    return float(counts[hits:].sum().clip(0, 1))


def _method(own: Rows, top: Rows, study: Configuration) -> Finding:
    """The claim that the top fork is where the method is chosen, beyond a random fork."""
    hits = [bool(row["chooses_method"]) for row in own]
    shares = [row["share_that_choose"] for row in own]
    found = share(hits, [row["problem"] for row in own], study.at)
    plain = [row for row in top if row["ranking"] == "divergence"]
    other, many = sum(bool(row["other_method"]) for row in own), f"{sum(hits)} of {len(own)}"
    claim = Claim(
        p=chance_of_as_many(sum(hits), shares), floor=chance_of_as_many(len(own), shares),
        null=float(np.mean(shares)), least=effects.SHARE, side=1,
        above=f"The top fork is the token that chooses the method in {many} solutions.",
        false_in="the top fork drawn at random from the forks of its solution",
    )  # fmt: skip
    proof = evidence_of(
        found, "share of solutions",
        f"a random fork of the solution is that token in {np.mean(shares):.0%}; ranked by D alone "
        f"{sum(bool(row['chooses_method']) for row in plain)} of {len(plain)} are",
        f"In {other} the second token leads to another method{_elsewhere(own)}. p is exact: as "
        f"many or more, each top fork drawn from its own solution.", ".2g",
    )  # fmt: skip
    answer = f"That the top fork is the token that chooses the method is not shown: {many}."
    return Finding(answer, proof, "top fork at the choice of a method", QUESTION, claim)


def _elsewhere(own: Rows) -> str:
    """What the top forks do that choose no method: where answers are known, whether they change."""
    rest = [row["outcome_change"] for row in own if not row["chooses_method"]]
    if not rest or None in rest:
        return ""
    return f"; of the {len(rest)} that choose none {sum(map(bool, rest))} lead to another answer"


def _where(own: Rows, forks: "pd.DataFrame", study: Configuration) -> Finding:
    first = forks[forks["rank_in_problem"] == 1]
    rest = forks[forks["rank_in_problem"].notna() & (forks["rank_in_problem"] > 1)]
    p2 = evidence.share(first, "p2", by="problem", at=study.at)
    others = f"{rest['p2'].mean():.2g}" if len(rest) else "none"
    return Finding(
        f"The second token of a solution's top fork has p = {p2.value:.2g} on average.",
        evidence_of(
            p2, "probability", f"mean p of the second token at the other forks: {others}",
            f"Ranked by {_MANNER[study.rank_forks]}; the top fork stands at token "
            f"{np.median([row['t'] for row in own]):.0f} of a solution (median).", ".2g",
        ),
        "top fork, second token", QUESTION,
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
    return Finding(
        f"{found.value:.0%} of forced tokens change the answer.",
        evidence_of(
            found, "share of forks", "forcing the greedy token changes nothing (audit)",
            f"{top} of the top forks, {others} of the others.", ".2g",
        ),
        "answers changed by a forced token", QUESTION,
    )  # fmt: skip


def _rejoined(forks: "pd.DataFrame", study: Configuration) -> Finding:
    forks = forks.assign(back=forks["rejoin_step"].notna().astype(float))
    found = evidence.share(forks, "back", by="problem", at=study.at)
    back, top = forks["back"] > 0, forks["rank_in_problem"] == 1
    after = f"From token {forks['rejoin_step'].median():.0f} on (median)." if back.any() else ""
    return Finding(
        f"{found.value:.0%} of branches return to the words of the greedy solution.",
        evidence_of(
            found, "share of forks",
            f"of the top forks {back[top].mean():.0%}" if top.any() else "no top fork",
            after, ".2g",
        ),
        "branches that re-join", QUESTION,
    )  # fmt: skip
