"""What is reported of a circuit: f and p on wordings that its search did not see.

A set that was searched until f ≥ τ has f ≥ τ where it was searched, whatever the model: neither
that f nor its rank among random sets says anything. Both are taken on the held-out wordings.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from microtome.data.prompts import Prompt
from microtome.lab.claims import Claim, Evidence, Finding
from microtome.studies.dilemmas.claims import LEAST_SHARE, measured, needs_both
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


QUESTION = "difference"
_RANDOM = "random sets of as many heads and MLPs in the circuit's place"


def circuit_finding(
    line: dict[Any, Any], held_out: "pd.DataFrame | None", study: Configuration
) -> Finding:
    """One answer per pair; f and p of the held-out wordings, or that there are none."""
    pair = line["pair"]
    if not line["n_members"]:
        return Finding.stated(
            f"{pair}: the two differ by {line['mean_abs_gap']:.2f} logits on average, too little "
            f"to look for a circuit.",
            line["mean_abs_gap"], unit="|Δ logit (D − C)|", n=line["n_prompts"], about=pair,
            question=QUESTION,
        )  # fmt: skip
    size = f"The search chose {line['n_members']} of {line['n_nodes']} heads and MLPs"
    if not line["n_held_out"] or held_out is None:
        evidence = Evidence(unit="share of the gap", n=line["n_prompts"], detail=f"{size}.")
        claim = Claim(p=None, least=LEAST_SHARE, side=1, false_in=_RANDOM)
        return Finding(
            f"{pair}: no held-out wording with a gap is left, so what the circuit carries is not "
            f"measured.", evidence, pair, QUESTION, claim,
        )  # fmt: skip
    return _assessed(line, size, held_out[held_out["pair"] == pair], study)


def _assessed(
    line: dict[Any, Any], size: str, own: "pd.DataFrame", study: Configuration
) -> Finding:
    share = share_of_gap(own, "effect", "gap", study)
    assert share is not None, "a circuit is assessed where the gaps are large enough"
    p, n, pair = line["p_random"], line["n_random"], line["pair"]
    carried, floor = f"{share.value:.0%} of the gap on held-out wordings", 1 / (1 + n)
    claim = Claim(
        p=needs_both(p, share.p), floor=floor, least=LEAST_SHARE, side=1, false_in=_RANDOM,
        above=f"{pair}: the circuit carries {carried}, more than random sets of its size.",
    )  # fmt: skip
    evidence = measured(
        share, "share of the gap", study,
        f"{size} of the source, on other wordings; all the others carry {line['without']:.0%}.",
        f"{n} random sets of as many heads and MLPs on the same wordings, {_beaten(p)}which reach "
        f"p = {floor:.2g} at best", ".2f",
    )  # fmt: skip
    return Finding(
        f"{pair}: that the circuit carries more than random sets of its size is not shown: "
        f"{carried}.", evidence, pair, QUESTION, claim,
    )  # fmt: skip


def _beaten(p: float | None) -> str:
    return "" if p is None else f"p = {p:.2g} among them, "
