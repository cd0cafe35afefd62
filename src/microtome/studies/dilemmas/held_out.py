"""What is reported of a circuit: f and p on wordings that its search did not see.

A set that was searched until f ≥ τ has f ≥ τ where it was searched, whatever the model: neither
that f nor its rank among random sets says anything. Both are taken on the held-out wordings.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microtome.data.prompts import Prompt
from microtome.lab.evidence import worded
from microtome.lab.study import Finding
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import share_of_gap
from microtome.studies.dilemmas.models import place
from microtome.studies.dilemmas.patching import kind_of

if TYPE_CHECKING:
    import pandas as pd

    import microtome as mt

NOTHING: dict[str, Any] = {
    "found": False,
    "n_members": 0,
    "n_nodes": None,
    "searched_f": None,
    "tau": None,
    "faithfulness": None,
    "n_held_out": 0,
    "without": None,
    "completeness_gap": None,
    "p_random": None,
    "n_random": 0,
}
"""The columns of a pair without a circuit, or without wordings to assess it on."""


def found(circuit: "mt.Circuit") -> dict[str, Any]:
    """What the search itself says: its members, and f where it was searched (an audit)."""
    return {
        "found": circuit.found,
        "n_members": len(circuit.members),
        "n_nodes": len(circuit.nodes),
        "searched_f": circuit.faithfulness,
        "tau": circuit.tau,
    }


def assessed(circuit: "mt.Circuit") -> dict[str, Any]:
    """f and its controls on the held-out wordings."""
    return {
        "faithfulness": circuit.faithfulness,
        "n_held_out": len(circuit.gaps),
        "without": circuit.without,
        "completeness_gap": circuit.gap,
        "p_random": circuit.beaten_by_random,
        "n_random": len(circuit.random),
    }


def members(
    circuit: "mt.Circuit", held_out: "mt.Circuit | None", pair: dict[str, Any]
) -> list[dict[str, Any]]:
    """One row per member: what it is worth on the held-out wordings, where there are any."""
    none = {"leave_one_out": None, "knocked_out": None, "loss": None}
    found = []
    for node in circuit.members:
        row: dict[str, Any] = {**pair, "component": node, "kind": kind_of(node), **none}
        if held_out is not None:
            left = held_out.leave_one_out[node]
            row |= {"leave_one_out": left, "loss": held_out.faithfulness - left}
            row["knocked_out"] = held_out.knocked_out[node]
        found.append(row)
    return found


def per_prompt(
    held_out: "mt.Circuit", prompts: Sequence[Prompt], pair: dict[str, Any]
) -> list[dict[str, Any]]:
    """One row per held-out prompt: the gap, and what the circuit alone makes of it."""
    return [
        {**pair, **place(prompt), "gap": gap, "effect": effect}
        for prompt, gap, effect in zip(prompts, held_out.gaps, held_out.effects, strict=True)
    ]


def circuit_finding(
    line: dict[Any, Any], held_out: "pd.DataFrame | None", study: Configuration
) -> Finding:
    """One sentence per pair; f and p of the held-out wordings, or that there are none."""
    pair = line["pair"]
    if not line["n_members"]:
        return Finding.stated(
            f"{pair}: the two differ by {line['mean_abs_gap']:.2f} logits on average, too little "
            f"to look for what carries it.",
            line["mean_abs_gap"], unit="|Δ logit (D − C)|", n=line["n_prompts"], about=pair,
        )  # fmt: skip
    size = f"{line['n_members']} of {line['n_nodes']} heads and MLPs of the source"
    if not line["n_held_out"] or held_out is None:
        return Finding.stated(
            f"{pair}: the search chose {size}. No wording with a gap is left that it did not see, "
            f"so neither what they carry nor a p is stated.",
            float(line["n_members"]), unit="heads and MLPs", n=line["n_prompts"], about=pair,
        )  # fmt: skip
    return _assessed(line, size, held_out[held_out["pair"] == pair], study)


def _assessed(
    line: dict[Any, Any], size: str, own: "pd.DataFrame", study: Configuration
) -> Finding:
    share = share_of_gap(own, "effect", "gap", study)
    assert share is not None, "a circuit is assessed where the gaps are large enough"
    p, n = line["p_random"], line["n_random"]
    if p < study.at.alpha and share.excludes(0):
        rank = f"more than {n} random sets of as many heads and MLPs"
    else:
        rank = f"not shown to be more than random sets of as many carry (p = {p:.2g})"
    return Finding.stated(
        f"{line['pair']}: on {len(own)} wordings that the search did not see, {size} together "
        f"carry {share.value:.0%} of the gaps ({worded(share, study.resample)}), {rank}; all the "
        f"others carry {line['without']:.0%}.",
        share.value, share.low, share.high, unit="share of the gap", n=len(own),
        about=line["pair"],
        control=f"p = {p:.2g} against {n} random sets, on the same wordings",
    )  # fmt: skip
