"""What distinguishes two fine-tunes: the same component swapped both ways between them.

A component that makes the difference moves Δ towards its owner whichever way it goes: A's into B
changes Δ with the sign of Δ(A) − Δ(B), B's into A with the other sign. It counts as
distinguishing where both changes are larger than those of random components of its kind (max-T).
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
    columns = ["component", "mean_delta_change", "unrelated_rms", "p_random_component", "flips"]
    both = into.merge(back[columns], on="component", suffixes=("_into", "_back"))
    rows = [_row(row, study) for row in both.to_dict("records")]
    return sorted(rows, key=lambda row: -abs(row["two_way"]))


def _row(row: dict[Any, Any], study: Configuration) -> dict[str, Any]:
    into, back = row["mean_delta_change_into"], row["mean_delta_change_back"]
    p = max(row["p_random_component_into"], row["p_random_component_back"])
    return {
        "first": row["source"],
        "second": row["target"],
        "pair": title(row["source"], row["target"]),
        "component": row["component"],
        "kind": row["kind"],
        "layer": row["layer"],
        "first_into_second": into,
        "second_into_first": back,
        "two_way": (into - back) / 2,
        "p_random_component": p,
        "unrelated_rms": max(row["unrelated_rms_into"], row["unrelated_rms_back"]),
        "distinguishes": into * back < 0 and p < 1 - study.level,
    }


def _finding(rows: Rows, study: Configuration) -> Finding:
    first, second = rows[0]["first"], rows[0]["second"]
    labels = players([first, second])
    both = f"{labels[first].label} and {labels[second].label}"
    top, count = rows[0], sum(row["distinguishes"] for row in rows)
    moved = sum(row["first_into_second"] * row["second_into_first"] < 0 for row in rows)
    return Finding(
        f"Patched both ways between {both}, {count} of {len(rows)} heads and MLPs distinguish "
        f"them, and {moved} change Δ in opposite directions. The largest two-way change is that "
        f"of {top['component']}: {top['first_into_second']:+.2f} logits one way and "
        f"{top['second_into_first']:+.2f} the other.",
        top["two_way"], unit="logits", n=len(rows), about=f"{both}, both ways",
        control=f"both changes larger than those of random components of the kind (max-T, "
        f"p < {1 - study.level:.2g}); for {top['component']} p = {top['p_random_component']:.2g}",
    )  # fmt: skip
