"""What the forks say: where a method is chosen, what a fork changes, and whether it lasts.

Problems are what intervals are over: forks of one solution share its text.
"""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Finding
from microtome.statistics import Interval, bootstrap_mean, proportion
from microtome.studies.sampling.branches import Rows
from microtome.studies.sampling.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd

_MANNER = {
    "spread": "√(p1 p2)·D", "divergence": "D alone", "relative": "D over that of samples",
    "entropy": "entropy",
}  # fmt: skip


def findings(forks: "pd.DataFrame", top: Rows, study: Configuration) -> list[Finding]:
    """The step's findings; those on methods only where methods are known."""
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
    for share in shares:
        counts = np.convolve(counts, [1 - share, share])
    return float(counts[hits:].sum())


def _method(own: Rows, top: Rows, study: Configuration) -> Finding:
    hits = sum(row["chooses_method"] for row in own)
    shares = [row["share_that_choose"] for row in own]
    share = proportion(hits, len(own), level=study.level)
    plain = [row for row in top if row["ranking"] == "divergence"]
    other = sum(bool(row["other_method"]) for row in own)
    return Finding(
        f"In {hits} of {len(own)} solutions the top fork stands at the token that chooses the "
        f"method ({said(share, study)}); the second token leads to another method in {other}.",
        share.value, share.low, share.high, unit="share of solutions", n=len(own),
        about="top fork at the choice of a method",
        control=f"a fork drawn at random stands there in {np.mean(shares):.0%} (p = "
        f"{chance_of_as_many(hits, shares):.2g}); ranked by D alone "
        f"{sum(row['chooses_method'] for row in plain)} of {len(plain)} do",
    )  # fmt: skip


def _where(own: Rows, forks: "pd.DataFrame", study: Configuration) -> Finding:
    first = forks[forks["rank_in_problem"] == 1]
    rest = forks[forks["rank_in_problem"].notna() & (forks["rank_in_problem"] > 1)]
    p2 = _mean(first, "p2", study)
    others = f"{rest['p2'].mean():.2g}" if len(rest) else "none"
    return Finding(
        f"Ranked by {_MANNER[study.rank_forks]}, the top fork stands at token "
        f"{np.median([row['t'] for row in own]):.0f} of a solution (median); its second token had "
        f"p = {p2.value:.2g} ({said(p2, study)}).",
        p2.value, p2.low, p2.high, unit="probability", n=p2.n, about="top fork, second token",
        control=f"mean p of the second token at the other forks: {others}",
    )  # fmt: skip


def _outcome(forks: "pd.DataFrame", study: Configuration) -> Finding:
    told = forks[forks["outcome_change"].notna()]
    first, rest = (told[told["rank_in_problem"] == 1], told[told["rank_in_problem"] != 1])
    share = _mean(told, "outcome_change", study)
    top = f"{first['outcome_change'].astype(float).mean():.0%}" if len(first) else "none"
    others = f"{rest['outcome_change'].astype(float).mean():.0%}" if len(rest) else "none"
    return Finding(
        f"{share.value:.0%} of forced tokens change the answer ({said(share, study)}): {top} of "
        f"the top forks and {others} of the others.",
        share.value, share.low, share.high, unit="share of forks", n=share.n,
        about="answers changed by a forced token",
        control="the greedy token forced changes nothing (audit)",
    )  # fmt: skip


def _rejoined(forks: "pd.DataFrame", study: Configuration) -> Finding:
    back = forks["rejoin_step"].notna()
    share = _mean(forks.assign(back=back), "back", study)
    after = f", from token {forks['rejoin_step'].median():.0f} on (median)" if back.any() else ""
    top = forks["rank_in_problem"] == 1
    return Finding(
        f"{share.value:.0%} of branches come back to the greedy solution's words{after} "
        f"({said(share, study)}).",
        share.value, share.low, share.high, unit="share of forks", n=share.n,
        about="branches that re-join",
        control=f"of the top forks {back[top].mean():.0%} do" if top.any() else "",
    )  # fmt: skip


def _mean(forks: "pd.DataFrame", column: str, study: Configuration) -> Interval:
    """Mean of shares; where all forks agree, Clopper and Pearson's bound for as many problems."""
    values, problems = forks[column].astype(float).to_numpy(), list(forks["problem"])
    count = len(set(problems))
    if count > 1 and (np.all(values == 0) or np.all(values == 1)):
        sure = proportion(round(values[0]) * count, count, level=study.level, exact=True)
        return replace(sure, n=len(values))
    return bootstrap_mean(
        values, problems, level=study.level, resamples=study.resamples, seed=study.seed,
        within=(0, 1),
    )  # fmt: skip


def said(interval: Interval, study: Configuration) -> str:
    """ "95% interval 0.61 to 1.00 over 8 problems", or why there is none."""
    if interval.low is None or interval.high is None:
        return "no interval: one problem only"
    ends = f"{interval.low:.2g} to {interval.high:.2g}"
    return f"{study.level:.0%} interval {ends} over {interval.clusters} problems"


def row_of(interval: Interval) -> dict[str, Any]:
    """Value, ends and n of an interval as columns."""
    return {
        "mean": interval.value, "low": interval.low, "high": interval.high, "n": interval.n,
        "problems": interval.clusters,
    }  # fmt: skip
