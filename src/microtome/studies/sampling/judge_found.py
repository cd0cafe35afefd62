"""What a judge rules on pairs of representatives, between clusters against within them."""

from typing import TYPE_CHECKING

from microtome.lab import evidence
from microtome.lab.study import Finding
from microtome.methods.clusters_contrast import Contrast, within_between
from microtome.statistics import Interval, mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import PROBLEMS

if TYPE_CHECKING:
    import pandas as pd


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
    """Share of pairs called different between clusters and within them, by problem."""
    judge = "a rule that compares equations" if study.judge == "equations" else study.judge_model
    itself = judged[judged["kind"] == "itself"]
    wrong = float((itself["label"] != "same").mean()) if len(itself) else float("nan")
    unclear = float((judged["label"] == "unclear").mean())
    control = f"a solution with itself not called the same: {wrong:.0%}; unclear in {unclear:.0%}"
    test = contrast_of(judged, study)
    if test is None:
        rate = float((judged[judged["kind"] != "itself"]["label"] == "different").mean())
        return Finding.stated(
            f"Judged by {judge}, {rate:.0%} of pairs of representatives are different methods; "
            f"there are no pairs both within and between clusters to compare.",
            rate, unit="share called different", n=len(judged), about="judge", control=control,
        )  # fmt: skip
    gap = gap_of(judged, study)
    ends = "no problem has pairs of both kinds"
    if gap is not None:
        ends = f"difference {gap.value:+.2f}, {evidence.worded(gap, PROBLEMS, '+.2f')}"
    return Finding.stated(
        f"Judged by {judge}, representatives of two clusters are different methods in "
        f"{test.between:.0%} of {test.n_between} pairs and those of one cluster in "
        f"{test.within:.0%} of {test.n_within} ({ends}; permuted labels p = {test.p:.2g}).",
        **(evidence.bounds(gap) if gap is not None else {"value": test.difference}),
        unit="share called different, between − within", about="judge", control=control,
    )  # fmt: skip


def gap_of(judged: "pd.DataFrame", study: Configuration) -> Interval | None:
    """Share called different, between − within, over problems that have pairs of both kinds."""
    rulings = judged[(judged["kind"] != "itself") & (judged["label"] != "unclear")]
    rates = rulings.assign(distinct=(rulings["label"] == "different").astype(float))
    wide = rates.pivot_table(index="problem", columns="kind", values="distinct").dropna()
    if not {"within", "between"} <= set(wide.columns) or wide.empty:
        return None
    return mean(wide["between"] - wide["within"], list(wide.index), study.at, within=(-1, 1))
