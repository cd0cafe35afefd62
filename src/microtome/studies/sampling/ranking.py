"""Forks in order: by what they add to the spread of samples, and by the other rankings beside it.

spread       √(p1 p2) · D, scaled: the default
divergence   D alone, scaled: the original's; largest at tokens that are never said
relative     D over the median distance of samples from the same prefix
entropy      of the next token
"""

from typing import TYPE_CHECKING, Any

from microtome.studies.sampling.bifurcations import Header
from microtome.studies.sampling.branches import Rows, records, split
from microtome.studies.sampling.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd

    from microtome.lab.study import Tables

RANKINGS = ("spread", "divergence", "relative", "entropy")


def ranked(points: "pd.DataFrame", study: Configuration) -> "pd.DataFrame":
    """All forks, the highest rank first; `rank` is null where a fork has no value to rank by.

    Also `rank_in_problem`, and which share of the solution `t` stands at.
    """
    by = study.rank_forks
    order = points.sort_values(by, ascending=False, kind="stable", na_position="last").copy()
    known = order[by].notna()
    order.insert(1, "rank", known.cumsum().where(known).astype("Int64"))
    within = known.groupby(order["problem"]).cumsum()
    order.insert(2, "rank_in_problem", within.where(known).astype("Int64"))
    return order.reset_index(drop=True)


def tops(points: "pd.DataFrame", solutions: "pd.DataFrame") -> Rows:
    """The top fork of every problem under every ranking, and what a random fork would be."""
    found = []
    for problem in solutions["problem"]:
        own = points[points["problem"] == problem]
        for ranking in RANKINGS:
            there = own[own[ranking].notna()]
            if len(there):
                found.append(_top(problem, ranking, there))
    return found


def _top(problem: str, ranking: str, own: "pd.DataFrame") -> dict[str, Any]:
    best = own.sort_values(ranking, ascending=False, kind="stable").iloc[0]
    chooses = own["chooses_method"]
    known = bool(chooses.notna().all())
    return {
        "problem": problem,
        "ranking": ranking,
        "t": int(best["t"]),
        "top1_text": best["top1_text"],
        "top2_text": best["top2_text"],
        "p2": float(best["p2"]),
        "value": float(best[ranking]),
        "chooses_method": bool(best["chooses_method"]) if known else None,
        "other_method": plain(best["other_method"]),
        "outcome_change": plain(best.get("outcome_change")),
        "share_that_choose": float(chooses.astype(float).mean()) if known else None,
        "n_forks": len(own),
    }


def document(forks: "pd.DataFrame", tables: "Tables", study: Configuration) -> dict[str, Any]:
    """What `bifurcation_points.json` holds."""
    provenance = study.provenance()
    layers = tables["fork_layers"]
    prompts = {row["problem"]: row for row in records(tables["fork_solutions"])}
    apart = {} if layers.empty else dict(iter(layers.groupby(["problem", "t"])))
    header = Header(
        {
            "name": provenance["model"], "digest": provenance["digest"],
            "revision": provenance["revision"],
        },
        [] if layers.empty else [int(n) for n in dict.fromkeys(layers["layer"])],
        study.rank_forks,
        {
            "interval": study.interval, "fork_at": study.fork_at, "M": study.branch_tokens,
            "stride": study.stride_of("sensitivity"), "continuations": study.continuations,
            "lookahead_tokens": study.lookahead_tokens,
        },
    )  # fmt: skip
    return header.content(
        [
            _point(row, prompts[row["problem"]], apart.get((row["problem"], row["t"])))
            for row in records(forks)
        ]
    )


def _point(
    row: dict[str, Any], solution: dict[str, Any], layers: "pd.DataFrame | None"
) -> dict[str, Any]:
    ids = split(solution["ids"])
    return {
        "problem": row["problem"],
        "t": row["t"],
        "rank": plain(row["rank"]),
        "prefix_ids": split(solution["prompt_ids"]) + ids[: row["t"]],
        "n_prompt": solution["n_prompt"],
        "before": row["before"],
        **{top: _token(row, top[-1]) for top in ("top1", "top2")},
        "logit_difference": row["logit_difference"],
        "entropy": row["entropy"],
        "D": None if layers is None else {
            "raw": layers["D"].tolist(),
            "relative": _ratio(layers),
        },
        **{name: plain(row[name]) for name in ("divergence", "relative", "spread")},
        "rejoin": None if plain(row["rejoin_step"]) is None else {
            "step": int(row["rejoin_step"]), "offset": int(row["rejoin_offset"]),
        },
        "outcome_change": plain(row["outcome_change"]),
        "branch_ids": split(row["branch_ids"]),
    }  # fmt: skip


def _token(row: dict[str, Any], which: str) -> dict[str, Any]:
    return {
        "id": row[f"top{which}_id"], "text": row[f"top{which}_text"],
        "logit": row[f"logit{which}"], "p": row[f"p{which}"], "p_ahead": row[f"p{which}_ahead"],
    }  # fmt: skip


def _ratio(layers: "pd.DataFrame") -> list[float] | None:
    """D over noise per layer; None unless samples from the prefix differ at all."""
    from microtome.methods.branching import NO_NOISE

    noise = layers["noise"].astype(float)
    if noise.isna().any() or (noise < NO_NOISE * layers["size"]).any():
        return None
    ratio: list[float] = (layers["D"] / noise).tolist()
    return ratio


def plain(value: Any) -> Any:
    """A cell as JSON: pandas' several words for nothing become null."""
    import pandas

    return None if pandas.isna(value) else value
