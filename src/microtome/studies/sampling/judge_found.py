"""What a judge rules on pairs of representatives, between clusters against within them."""

import math
from collections import Counter
from typing import TYPE_CHECKING

from microtome.lab import evidence
from microtome.lab.claims import Claim, Evidence
from microtome.lab.study import Finding
from microtome.methods.clusters_contrast import Contrast, within_between
from microtome.statistics import Interval, mean
from microtome.studies.sampling import effects
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import evidence_of

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "methods"
_PERMUTATIONS = 5000
"""Permuted labels of the test, the observed ones among them."""


def contrast_of(judged: "pd.DataFrame", study: Configuration) -> Contrast | None:
    """Distinct rate between clusters against within, or None where there are not both kinds."""
    rulings = judged[(judged["kind"] != "itself") & (judged["label"] != "unclear")]
    if set(rulings["kind"]) != {"within", "between"}:
        return None
    places: dict[tuple[str, int], int] = {}
    labels: list[int] = []
    problems: list[str] = []
    pairs: list[tuple[int, int]] = []
    for row in rulings.to_dict("records"):
        ends = []
        for side in ("left", "right"):
            key = (row["problem"], row[side])
            if key not in places:
                places[key] = len(labels)
                labels.append(row[f"cluster_{side}"])
                problems.append(row["problem"])
            ends.append(places[key])
        pairs.append((ends[0], ends[1]))
    distinct = (rulings["label"] == "different").tolist()
    return within_between(pairs, distinct, labels, problems, seed=study.seed)


def judge_finding(judged: "pd.DataFrame", study: Configuration) -> Finding:
    """The claim that the judge calls pairs between clusters different more often than within."""
    judge = "a rule that compares equations" if study.judge == "equations" else study.judge_model
    holds, control = _itself(judged, study)
    test = contrast_of(judged, study)
    if test is None:
        rate = float((judged[judged["kind"] != "itself"]["label"] == "different").mean())
        return Finding.stated(
            f"Judged by {judge}, {rate:.0%} of pairs of representatives are different methods.",
            rate, unit="share called different", n=len(judged), about="judge", question=QUESTION,
            control=control,
            detail="There are no pairs both within and between clusters to compare.",
        )  # fmt: skip
    proof = _proof(test, gap_of(judged, study), control)
    sure = f"Judged by {judge}, solutions of two clusters are different methods"
    claim = Claim(
        p=test.p, floor=smallest_p(judged), least=effects.SHARE, side=1, control_holds=holds,
        above=f"{sure} more often than of one: {proof.value:+.2f}.",
        false_in="the clusters' labels permuted among the solutions of a problem",
    )  # fmt: skip
    answer = f"That the judge, {judge}, tells clusters apart is not shown: {proof.value:+.2f}."
    return Finding(answer, proof, "judge", QUESTION, claim)


def _proof(test: Contrast, gap: Interval | None, control: str) -> Evidence:
    unit = "share called different, between − within"
    detail = (
        f"Called different: {test.between:.0%} of {test.n_between} pairs of two clusters, "
        f"{test.within:.0%} of {test.n_within} pairs of one. p is of permuted labels."
    )
    if gap is not None:
        return evidence_of(gap, unit, control, detail, "+.2f")
    return Evidence(
        test.difference, unit=unit, n=test.n_between + test.n_within, control=control,
        detail=f"No interval: no problem has pairs of both kinds. {detail}",
    )  # fmt: skip


def _itself(judged: "pd.DataFrame", study: Configuration) -> tuple[bool | None, str]:
    """Whether the judge calls a solution the same as itself, but for what the level allows."""
    itself = judged[judged["kind"] == "itself"]
    unclear = f"unclear in {(judged['label'] == 'unclear').mean():.0%}"
    if itself.empty:
        return None, f"no solution was compared with itself; {unclear}"
    wrong = evidence.share(
        itself.assign(wrong=itself["label"] != "same"), "wrong", by="problem", at=study.at
    )
    allowed = 1 - study.level
    holds = wrong.value <= allowed or (wrong.ends is not None and not wrong.excludes(allowed))
    return holds, f"a solution with itself not called the same: {wrong.value:.0%}; {unclear}"


def smallest_p(judged: "pd.DataFrame") -> float:
    """The least p that permuting labels can give: a random grouping that equals the clusters'.

    Per problem it is Π sizes! · Π (clusters of one size)! / items!; no less than 1 / 5000, as
    4,999 permutations are drawn.
    """
    rulings = judged[(judged["kind"] != "itself") & (judged["label"] != "unclear")]
    logarithm = 0.0
    for _, rows in rulings.groupby("problem"):
        items = {
            row[side]: row[f"cluster_{side}"]
            for row in rows.to_dict("records")
            for side in ("left", "right")
        }
        sizes = list(Counter(items.values()).values())
        logarithm += sum(math.lgamma(size + 1) for size in sizes) - math.lgamma(len(items) + 1)
        logarithm += sum(math.lgamma(times + 1) for times in Counter(sizes).values())
    return min(1.0, max(math.exp(logarithm), 1 / _PERMUTATIONS))


def gap_of(judged: "pd.DataFrame", study: Configuration) -> Interval | None:
    """Share called different, between − within, over problems that have pairs of both kinds."""
    rulings = judged[(judged["kind"] != "itself") & (judged["label"] != "unclear")]
    rates = rulings.assign(distinct=(rulings["label"] == "different").astype(float))
    wide = rates.pivot_table(index="problem", columns="kind", values="distinct").dropna()
    if not {"within", "between"} <= set(wide.columns) or wide.empty:
        return None
    return mean(wide["between"] - wide["within"], list(wide.index), study.at, within=(-1, 1))
