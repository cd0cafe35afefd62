"""What distinguishes two fine-tunes: the same component swapped both ways between them.

A component that makes the difference moves Δ towards its owner whichever way it goes: A's into B
towards A's Δ, B's into A towards B's, on each prompt. It counts as distinguishing where both mean
effects are positive and both differ from 0 by the configured test (max-T over all components).
"""

from typing import TYPE_CHECKING, Any

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.studies.dilemmas.claims import LEAST_LOGITS, SIGNS, measured, undesigned
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.effects import title, towards
from microtome.studies.dilemmas.players import players
from microtome.studies.dilemmas.singles import TOWARDS, specific, unspecific
from microtome.studies.dilemmas.two_ways import TwoWay, most_distinct

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


def both_ways_findings(rows: Rows, results: "pd.DataFrame", study: Configuration) -> list[Finding]:
    """One answer per two models that were patched both ways; `results` are all patches."""
    patches = towards(results[results["kind"].isin(["head", "mlp"])])
    found = []
    for first, second in dict.fromkeys((row["first"], row["second"]) for row in rows):
        own = [row for row in rows if (row["first"], row["second"]) == (first, second)]
        ways = _of(patches, first, second), _of(patches, second, first)
        found.append(two_way_finding(own, most_distinct(*ways, study), study))
    return found


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


def two_way_finding(rows: Rows, best: TwoWay | None, study: Configuration) -> Finding:
    """The claim that a component moves Δ towards its owner both ways."""
    labels = players([rows[0]["first"], rows[0]["second"]])
    both = " and ".join(player.label for player in labels.values())
    about, question = f"{both}, both ways", "distinct"
    if best is None:
        alone = f"A single scenario cannot measure which component distinguishes {both} most."
        nothing = Evidence(unit=TOWARDS, n=len(rows), detail=_counts(rows, study))
        return Finding(alone, nothing, about, question, undesigned(LEAST_LOGITS, SIGNS))
    value, names = best.size.value, list(dict.fromkeys(best.chosen))
    moved = max(row["unrelated_rms"] for row in rows if row["component"] in names)
    size = f"the weaker way {value:+.2f} logits"
    named = " or ".join(names)
    above = f"{named} moves Δ towards its owner both ways between {both}: {size}."
    claim = Claim(
        p=_claim_p(rows, best), least=LEAST_LOGITS, side=1, false_in=SIGNS, above=above,
        control_holds=specific(value, moved, shown=best.size.excludes(0)),
    )  # fmt: skip
    detail = f"{unspecific(value, moved)}{_counts(rows, study)}"
    control = f"the same swaps move unrelated tokens apart by {moved:.2f} logits"
    return Finding(
        f"{both}: that a component moves Δ towards its owner both ways is not shown: {size}.",
        measured(best.size, TOWARDS, study, detail, control), about, question, claim,
    )  # fmt: skip


def _claim_p(rows: Rows, best: TwoWay) -> float | None:
    """p of both held-out effects, or that of max-T where it can decide and is larger."""
    p = [row["p_both"] for row in rows if row["component"] in best.chosen]
    return None if best.p is None else max([best.p, *(one for one in p if one is not None)])


def _counts(rows: Rows, study: Configuration) -> str:
    """How many move Δ both ways on average, and which of them with a p below the level."""
    moved = sum(min(row["first_into_second"], row["second_into_first"]) > 0 for row in rows)
    named = [row for row in rows if row["distinguishes"]]
    sure = f"{len(named)} of them at p < {study.at.alpha:.2g} (max-T, both ways)"
    if any(row["p_both"] is None for row in rows):
        sure = f"which of them this design ({study.resample}) cannot decide"
    return (
        f"{moved} of {len(rows)} heads and MLPs move Δ towards their owner both ways on average, "
        f"{sure}.{_shared(named)}"
    )


def _shared(named: Rows) -> str:
    """How many distinguishing components move unrelated tokens as much as the two answers."""
    effects = [min(row["first_into_second"], row["second_into_first"]) for row in named]
    shared = sum(row["unrelated_rms"] >= e for row, e in zip(named, effects, strict=True))
    if not shared:
        return ""
    return (
        f" Swapping {shared} of these moves unrelated tokens apart as much or more: that is not "
        f"specific to the two answers."
    )
