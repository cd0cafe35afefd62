"""What distinguishes two fine-tunes: the same component swapped both ways between them.

A component that makes the difference moves Δ towards its owner whichever way it goes: A's into B
towards A's Δ, B's into A towards B's, on each prompt. It counts as distinguishing where both mean
effects are positive and both differ from 0 by the configured test (max-T over all components).
"""

from typing import TYPE_CHECKING, Any

from microtome.lab.study import Finding
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.effects import title
from microtome.studies.dilemmas.players import players

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]


def both_ways(summary: "pd.DataFrame", study: Configuration) -> Rows:
    """Heads and MLPs of all pairs patched in both directions, the largest two-way change first."""
    own = summary[summary["kind"].isin(["head", "mlp"])]
    there = set(zip(own["source"], own["target"], strict=True))
    found: Rows = []
    for pair in study.parsed_pairs():
        one, other = pair.source, pair.target
        seen = any(row["second"] == one and row["first"] == other for row in found)
        if {(one, other), (other, one)} <= there and not seen:
            found += _components(_of(own, one, other), _of(own, other, one), study)
    return found


def both_ways_findings(rows: Rows, study: Configuration) -> list[Finding]:
    """One sentence per two models that were patched both ways."""
    pairs = dict.fromkeys((row["first"], row["second"]) for row in rows)
    return [
        _finding([r for r in rows if (r["first"], r["second"]) == pair], study) for pair in pairs
    ]


def _of(frame: "pd.DataFrame", source: str, target: str) -> "pd.DataFrame":
    return frame[(frame["source"] == source) & (frame["target"] == target)]


def _components(into: "pd.DataFrame", back: "pd.DataFrame", study: Configuration) -> Rows:
    columns = ["component", "mean_towards", "unrelated_rms", "p_max_t", "flips"]
    both = into.merge(back[columns], on="component", suffixes=("_into", "_back"))
    rows = [_row(row, study) for row in both.to_dict("records")]
    return sorted(rows, key=lambda row: -abs(row["two_way"]))


def _row(row: dict[Any, Any], study: Configuration) -> dict[str, Any]:
    into, back = row["mean_towards_into"], row["mean_towards_back"]
    both = [row["p_max_t_into"], row["p_max_t_back"]]
    p = None if any(one is None or one != one for one in both) else max(both)
    return {
        "first": row["source"],
        "second": row["target"],
        "pair": title(row["source"], row["target"]),
        "component": row["component"],
        "kind": row["kind"],
        "layer": row["layer"],
        "first_into_second": into,
        "second_into_first": back,
        "two_way": (into + back) / 2,
        "p_both": p,
        "unrelated_rms": max(row["unrelated_rms_into"], row["unrelated_rms_back"]),
        "distinguishes": min(into, back) > 0 and p is not None and p < study.at.alpha,
    }


def _shared(rows: Rows) -> str:
    """How many distinguishing components move unrelated tokens as much as the two answers."""
    named = [row for row in rows if row["distinguishes"]]
    effects = [min(row["first_into_second"], row["second_into_first"]) for row in named]
    shared = sum(row["unrelated_rms"] >= e for row, e in zip(named, effects, strict=True))
    if not shared:
        return ""
    return (
        f" Swapping {shared} of these moves unrelated tokens apart as much or more: that is not "
        f"specific to the two answers."
    )


def _finding(rows: Rows, study: Configuration) -> Finding:
    first, second = rows[0]["first"], rows[0]["second"]
    labels = players([first, second])
    both = f"{labels[first].label} and {labels[second].label}"
    moved = sum(min(row["first_into_second"], row["second_into_first"]) > 0 for row in rows)
    named = [row["component"] for row in rows if row["distinguishes"]]
    sure = f"{len(named)} of them distinguish the two: {', '.join(named)}"
    if not named:
        sure = "none of them is shown to distinguish the two"
    if any(row["p_both"] is None for row in rows):
        sure = f"this design ({study.resample}) cannot show that any of them distinguishes the two"
    return Finding.stated(
        f"Patched both ways between {both}, {moved} of {len(rows)} heads and MLPs move Δ towards "
        f"their owner on average both ways; {sure}.{_shared(rows)}",
        float(len(named)), unit="components", n=len(rows), about=f"{both}, both ways",
        control=f"both mean effects differ from 0 at p < {study.at.alpha:.2g} (max-T)",
    )  # fmt: skip
