"""What the clusters say: how many there are, whether they are methods, and what a judge thinks."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.data.graders import pass_rate
from microtome.lab.study import Finding, Tables
from microtome.methods.clusters import FEWEST
from microtome.methods.clusters_null import Contrast, within_between
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.evidence import bounds, over_problems, said

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_KS = (1, 2, 5, 10, 20, 50, 100)
_ARI = (-0.5, 1.0)
"""Range of the adjusted Rand index (Chacón & Rastrojo 2023)."""


def pass_table(frame: "pd.DataFrame", study: Configuration) -> Rows:
    """pass@k over problems with its interval; nothing where nothing is graded."""
    if study.grader == "none":
        return []
    counts = [(int(n), int(c)) for n, c in zip(frame["n"], frame["correct"], strict=True)]
    most = min(n for n, _ in counts)
    rows = []
    for k in (k for k in _KS if k <= most):
        rate = pass_rate(counts, k, level=study.level, seed=study.seed)
        rows.append(
            {"k": k, "pass": rate.value, "low": rate.low, "high": rate.high, "problems": rate.n}
        )
    return rows


def examples(tables: Tables) -> Rows:
    """The medoid of every chosen cluster, its size, and the judge's verdicts on its cluster."""
    solutions, judged = tables["solutions"], tables.get("judged")
    rows = []
    for row in solutions[solutions["representative"]].to_dict("records"):
        own = solutions[
            (solutions["problem"] == row["problem"]) & (solutions["cluster"] == row["cluster"])
        ]
        known = {name: int((own["method"] == name).sum()) for name in own["method"].dropna()}
        rows.append(
            {
                "problem": row["problem"],
                "cluster": int(row["cluster"]) + 1,
                "solutions": len(own),
                "methods": ", ".join(f"{name} {n}" for name, n in known.items()) or None,
                "different_from": _apart(judged, row["problem"], int(row["cluster"])),
                "text": " ".join(str(row["text"]).split()),
            }
        )
    return rows


def _apart(judged: "pd.DataFrame | None", problem: str, cluster: int) -> str | None:
    """Which other clusters the judge tells this one from, with pairs: "cluster 2 in 9 of 9"."""
    if judged is None or judged.empty:
        return None
    pairs = judged[(judged["problem"] == problem) & (judged["kind"] == "between")]
    pairs = pairs[pairs["clustering"] == "chosen"]
    found: dict[int, list[bool]] = {}
    for row in pairs.to_dict("records"):
        ends = [int(row["cluster_left"]), int(row["cluster_right"])]
        if cluster in ends:
            other = ends[1 - ends.index(cluster)]
            found.setdefault(other, []).append(row["label"] == "different")
    said = [f"cluster {o + 1} in {sum(v)} of {len(v)}" for o, v in sorted(found.items())]
    return "; ".join(said) or None


def cluster_findings(tables: Tables, passed: Rows, study: Configuration) -> list[Finding]:
    """The sentences of the step."""
    frame = tables["clusterings"]
    done = frame[frame["refused"].isna()]
    found = [_passed(passed[0], frame, study)] if passed else []
    if done.empty:
        why = frame["refused"].iloc[0]
        return [
            *found,
            Finding(
                f"No problem had enough right solutions to cluster ({why}); sample more, ask for "
                f"fewer clusters, or insist with force.",
                0.0, unit="problems clustered", n=len(frame), about="clusters",
            ),
        ]  # fmt: skip
    found.append(_how_many(done, frame, study))
    if done["methods"].notna().any():
        found += _methods(done, tables, study)
    if "judged" in tables and not tables["judged"].empty:
        found += _verdicts(tables["judged"], study)
    return found


def _passed(row: dict[str, Any], frame: "pd.DataFrame", study: Configuration) -> Finding:
    ends = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
    return Finding(
        f"At T = {study.cluster_temperature:g} {row['pass']:.0%} of completions are right{ends}, "
        f"{int(frame['correct'].sum())} of {int(frame['n'].sum())}; only these are clustered.",
        row["pass"], row["low"], row["high"], unit="pass@1", n=row["problems"], about="right ones",
        control=f"completions from which no answer was read: "
        f"{int(frame['n'].sum() - frame['read'].sum())}",
    )  # fmt: skip


def _how_many(done: "pd.DataFrame", frame: "pd.DataFrame", study: Configuration) -> Finding:
    most = max(study.cluster_samples // FEWEST, int(done["k"].max()))
    mean = over_problems(done["k"].astype(float), study, within=(1, most))
    numbers = done["k"].astype(int).tolist()
    each = ", ".join(f"K = {k} in {numbers.count(k)}" for k in sorted(set(numbers)))
    left = len(frame) - len(done)
    refused = f"; {left} had too few right solutions" if left else ""
    who = "Solutions" if study.grader == "none" else "Right solutions"
    stable = done["stability_kmeans"].astype(float).mean()
    return Finding(
        f"{who} form {mean.value:.1f} clusters a problem in layer "
        f"{int(done['layer'].iloc[0])} ({said(mean, study, '.1f')}): {each} of {len(done)} "
        f"problems{refused}.",
        **bounds(mean), unit="clusters", about="number of clusters",
        control=f"K-means told to make {study.n_clusters} always does, with a stability of "
        f"{stable:.2f}",
    )  # fmt: skip


def _methods(done: "pd.DataFrame", tables: Tables, study: Configuration) -> list[Finding]:
    several = done[done["methods"] >= 2]
    found = []
    if len(several):
        mean = over_problems(several["ari"].astype(float), study, within=_ARI)
        plain, shuffled = (several[n].astype(float).mean() for n in ("ari_kmeans", "ari_shuffled"))
        found.append(
            Finding(
                f"Where two or more methods occur, the chosen clusters agree with them at ARI "
                f"{mean.value:.2f} ({said(mean, study)}); K-means with {study.n_clusters} clusters "
                f"at {plain:.2f}.",
                **bounds(mean), unit="adjusted Rand index", about="clusters against known methods",
                control=f"labels permuted: {shuffled:+.2f}",
            )
        )  # fmt: skip
    controls = tables.get("cluster_controls")
    if controls is not None and len(controls):
        single = (controls["k"] == 1).to_numpy(float)
        # Methods of one problem share its numbers.
        share = over_problems(single, study, (0, 1), list(controls["problem"]))
        found.append(
            Finding(
                f"The solutions of one method alone are one cluster in {int(single.sum())} of "
                f"{len(controls)} cases ({said(share, study)}).",
                **bounds(share), unit="share with K = 1",
                about="one method alone",
                control="solutions of several methods: "
                f"{(several['k'] == 1).mean() if len(several) else float('nan'):.0%} have K = 1",
            )
        )  # fmt: skip
    return found


def contrast_of(judged: "pd.DataFrame", study: Configuration) -> Contrast | None:
    """Distinct rate between clusters against within, or None where there are not both kinds."""
    told = judged[(judged["kind"] != "itself") & (judged["label"] != "unclear")]
    if set(told["kind"]) != {"within", "between"}:
        return None
    places: dict[tuple[str, int], int] = {}
    labels: list[int] = []
    problems: list[str] = []
    pairs: list[tuple[int, int]] = []
    for row in told.to_dict("records"):
        ends = []
        for side in ("left", "right"):
            key = (row["problem"], row[side])
            if key not in places:
                places[key] = len(labels)
                labels.append(row[f"cluster_{side}"])
                problems.append(row["problem"])
            ends.append(places[key])
        pairs.append((ends[0], ends[1]))
    distinct = (told["label"] == "different").tolist()
    return within_between(pairs, distinct, labels, problems, seed=study.seed)


def _verdicts(judged: "pd.DataFrame", study: Configuration) -> list[Finding]:
    judge = "a rule that compares equations" if study.judge == "equations" else study.judge_model
    itself = judged[judged["kind"] == "itself"]
    wrong = float((itself["label"] != "same").mean()) if len(itself) else float("nan")
    unclear = float((judged["label"] == "unclear").mean())
    test = contrast_of(judged, study)
    if test is None:
        rate = float((judged[judged["kind"] != "itself"]["label"] == "different").mean())
        return [
            Finding(
                f"Judged by {judge}, {rate:.0%} of pairs of representatives are different methods; "
                f"there are no pairs both within and between clusters to compare.",
                rate, unit="share called different", n=len(judged), about="judge",
                control=f"a solution with itself not called the same: {wrong:.0%}",
            )
        ]  # fmt: skip
    low, high = _ends(judged, study)
    return [
        Finding(
            f"Judged by {judge}, representatives of two clusters are different methods in "
            f"{test.between:.0%} of {test.n_between} pairs and those of one cluster in "
            f"{test.within:.0%} of {test.n_within} (permutation p = {test.p:.2g}).",
            test.difference, low, high, unit="share called different, between − within",
            n=test.n_between + test.n_within, about="judge",
            control=f"a solution with itself not called the same: {wrong:.0%}; unclear in "
            f"{unclear:.0%}",
        )
    ]  # fmt: skip


def _ends(judged: "pd.DataFrame", study: Configuration) -> tuple[float | None, float | None]:
    """An interval over problems that have pairs of both kinds."""
    told = judged[(judged["kind"] != "itself") & (judged["label"] != "unclear")]
    rates = told.assign(distinct=(told["label"] == "different").astype(float))
    wide = rates.pivot_table(index="problem", columns="kind", values="distinct").dropna()
    if len(wide) < 2:
        return None, None
    gap = over_problems(np.asarray(wide["between"] - wide["within"]), study, within=(-1, 1))
    return gap.low, gap.high
