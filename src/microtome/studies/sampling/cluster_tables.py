"""Tables of the clusters: pass@k, and the medoid of every cluster with the judge's rulings."""

from typing import TYPE_CHECKING, Any

from microtome.data.graders import pass_rate
from microtome.lab.study import Tables
from microtome.studies.sampling.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_KS = (1, 2, 5, 10, 20, 50, 100)


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
