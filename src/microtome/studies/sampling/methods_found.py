"""What the clusters show: how many there are, and whether they are methods."""

from typing import TYPE_CHECKING, Any

from microtome.data.graders import pass_rate
from microtome.lab import evidence
from microtome.lab.study import Finding, Tables
from microtome.methods.clusters import FEWEST, LEVEL
from microtome.statistics import Interval
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import PROBLEMS
from microtome.studies.sampling.grouping import powers
from microtome.studies.sampling.judge_found import judge_finding

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
    """The medoid of every chosen cluster, its size, and the judge's rulings on its cluster."""
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
    pairs_of = [f"cluster {o + 1} in {sum(v)} of {len(v)}" for o, v in sorted(found.items())]
    return "; ".join(pairs_of) or None


def cluster_findings(tables: Tables, passed: Rows, study: Configuration) -> list[Finding]:
    """The sentences of the step."""
    frame = tables["clusterings"]
    done = frame[frame["refused"].isna()]
    found = [_passed(passed[0], frame, study)] if passed else []
    if done.empty:
        why = frame["refused"].iloc[0]
        return [
            *found,
            Finding.stated(
                f"No problem had enough right solutions to cluster ({why}); sample more, ask for "
                f"fewer clusters, or insist with force.",
                0.0, unit="problems clustered", n=len(frame), about="clusters",
            ),
        ]  # fmt: skip
    found.append(_how_many(done, tables, study))
    if done["methods"].notna().any():
        found += _methods(done, tables, study)
    if "judged" in tables and not tables["judged"].empty:
        found.append(judge_finding(tables["judged"], study))
    return found


def _passed(row: dict[str, Any], frame: "pd.DataFrame", study: Configuration) -> Finding:
    ends = "" if row["low"] is None else f" ({row['low']:.2f} to {row['high']:.2f})"
    return Finding.stated(
        f"At T = {study.cluster_temperature:g} {row['pass']:.0%} of completions are right{ends}, "
        f"{int(frame['correct'].sum())} of {int(frame['n'].sum())}; only these are clustered.",
        row["pass"], row["low"], row["high"], unit="pass@1", n=row["problems"], about="right ones",
        control=f"completions from which no answer was read: "
        f"{int(frame['n'].sum() - frame['read'].sum())}",
    )  # fmt: skip


def _how_many(done: "pd.DataFrame", tables: Tables, study: Configuration) -> Finding:
    most = max(study.cluster_samples // FEWEST, int(done["k"].max()))
    number = evidence.mean(done, "k", by="problem", at=study.at, within=(1, most))
    numbers = done["k"].astype(int).tolist()
    each = ", ".join(f"K = {k} in {numbers.count(k)}" for k in sorted(set(numbers)))
    left = len(tables["clusterings"]) - len(done)
    refused = f"; {left} had too few right solutions" if left else ""
    who = "Solutions" if study.grader == "none" else "Right solutions"
    stable = done["stability_kmeans"].astype(float).mean()
    fails, control = _apart_alone(tables.get("cluster_controls"), study)
    count = f"{number.value:.1f}"
    verb = f"are parted into {count} groups" if fails else f"form {count} separate groups"
    return Finding.stated(
        f"{fails}{who} {verb} a problem in layer "
        f"{int(done['layer'].iloc[0])} ({_ends(number, '.1f')}): {each} of {len(done)} "
        f"problems{refused}.{_single(done)}",
        **evidence.bounds(number), unit="clusters", about="number of clusters",
        control=f"{control}; K-means with K = {study.n_clusters}: stability {stable:.2f}",
    )  # fmt: skip


def _apart_alone(controls: "pd.DataFrame | None", study: Configuration) -> tuple[str, str]:
    """What the control of one method alone takes from the number of groups; the control."""
    if controls is None or controls.empty:
        return "", "no set of one known method to try"
    controls = controls.assign(apart=controls["k"] > 1)
    share = evidence.share(controls, "apart", by="problem", at=study.at)
    some = f"{int(controls['apart'].sum())} of {len(controls)}"
    words = f"sets of one method alone that read as more than one group: {some} ({_ends(share)})"
    if share.value <= LEVEL or (share.ends is not None and not share.excludes(LEVEL)):
        return "", words
    fails = (
        f"The control fails: {some} sets of one method alone read as more than one group, where "
        f"the tests' level allows {LEVEL:.0%}, so the number of groups is not shown. "
    )
    return fails, words


def _single(done: "pd.DataFrame") -> str:
    """What a K of 1 means: the verdicts, and the power of the test that saw no groups."""
    alone = done[done["k"] == 1]
    if alone.empty:
        return ""
    counts = alone["verdict"].value_counts(sort=False)
    words = "; ".join(f"{verdict} ({n})" for verdict, n in counts.items())
    return f" K = 1 reads: {words}. {_power(alone)}"


def _power(rows: "pd.DataFrame") -> str:
    """The power of the test for one cloud at the median number of solutions."""
    n, d = int(rows["clustered"].median()), int(rows["d"].iloc[0])
    found = ", ".join(
        f"{power:.2f} at {name.split('_')[1]} sd" for name, power in powers(n, d).items()
    )
    return f"Power to see two groups in {n} solutions of {d} dimensions: {found}."


def _methods(done: "pd.DataFrame", tables: Tables, study: Configuration) -> list[Finding]:
    several = done[done["methods"] >= 2]
    found = []
    if len(several):
        ari = evidence.mean(several, "ari", by="problem", at=study.at, within=_ARI)
        plain, shuffled = (several[n].astype(float).mean() for n in ("ari_kmeans", "ari_shuffled"))
        found.append(
            Finding.stated(
                f"Where two or more methods occur, the chosen clusters agree with them at ARI "
                f"{ari.value:.2f} ({_ends(ari)}); K-means with K = {study.n_clusters}: "
                f"{plain:.2f}.",
                **evidence.bounds(ari), unit="adjusted Rand index",
                about="clusters against known methods",
                control=f"labels permuted: {shuffled:+.2f}",
            )
        )  # fmt: skip
    controls = tables.get("cluster_controls")
    if controls is not None and len(controls):
        found.append(_one_method(controls, several, study))
    return found


def _one_method(controls: "pd.DataFrame", several: "pd.DataFrame", study: Configuration) -> Finding:
    """Methods of one problem share its numbers, so problems are resampled."""
    controls = controls.assign(single=(controls["k"] == 1).astype(float), clustered=controls["n"])
    share = evidence.share(controls, "single", by="problem", at=study.at)
    split = f"{(several['k'] == 1).mean():.0%}" if len(several) else "none occurs"
    return Finding.stated(
        f"The solutions of one method alone are one cluster in {int(controls['single'].sum())} of "
        f"{len(controls)} cases ({_ends(share)}). {_power(controls)}",
        **evidence.bounds(share), unit="share with K = 1", about="one method alone",
        control=f"solutions of several methods with K = 1: {split}",
    )  # fmt: skip


def _ends(interval: Interval, shape: str = ".2f") -> str:
    return evidence.worded(interval, PROBLEMS, shape)
