"""Where training would have been enough: weight swaps of each attention and MLP.

    alone(c)   = Δ(base with the adapter's weights in c) − Δ(base)
    without(c) = Δ(tuned) − Δ(tuned without the adapter's weights in c)

Both as shares of the gap Δ(tuned) − Δ(base): towards the fine-tune on every prompt, whichever way
that lies, mean over mean |gap|. Attentions and MLPs are what an adapter can be restricted to.
Shares do not add up, and none says what training c alone would learn.
"""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.lab.claims import Evidence, Finding
from microtome.lab.evidence import columns
from microtome.studies.dilemmas.claims import (
    LEAST_SHARE,
    largest_claim,
    largest_evidence,
    undesigned,
)
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import (
    by_component,
    counted,
    p_values,
    rests_on_small,
    share_of_gap,
    tested,
)
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.largest import Largest, largest
from microtome.studies.dilemmas.models import batches, place
from microtome.studies.dilemmas.patching import kind_of
from microtome.studies.dilemmas.players import players

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows = list[dict[str, Any]]
QUESTION = "targets"
_UNTRAINED = "the sign of what is lost drawn at random for each scenario"


def swapped(
    base: "mt.Model",
    tuned: "mt.Model",
    name: str,
    prompts: "Sequence[Prompt]",
    study: Configuration,
) -> tuple[Rows, "list[mt.Audit]"]:
    """One row per prompt and component: what its weights add to base, and what tuned lacks."""
    from microtome.methods.patching import swap_weights

    rows: Rows = []
    audits: list[mt.Audit] = []
    sites = [mt.attn_out[:], mt.mlp_out[:]]
    for batch in batches(base, prompts, study):
        alone = swap_weights(base, batch.ids, tuned, sites, batch.direction)
        less = swap_weights(tuned, batch.ids, base, sites, batch.direction)
        audits += [*alone.audit, *less.audit]
        for i, prompt in enumerate(batch.prompts):
            gap = float(less.baseline[i] - alone.baseline[i])
            for j, component in enumerate(alone.nodes):
                row = {"model": name, **place(prompt), "component": component}
                row |= {"kind": kind_of(component), "gap": gap}
                row |= {"alone": float(alone.effects[i, j]), "without": -float(less.effects[i, j])}
                rows.append(row)
    return rows, audits


def targets(weights: pd.DataFrame, study: Configuration) -> Rows:
    """Per fine-tune, its attentions and MLPs ranked by the share that is lost without them."""
    found: Rows = []
    for (name,), own in groups(weights, "model"):
        if rests_on_small(own["gap"].to_numpy(float)):
            continue
        test = tested(_lost(own), study)
        p = dict(zip(_lost(own).columns, p_values(test), strict=True))
        rows = [
            {**_row(part, name, study), "p_max_t": p[c], "test": test.test}
            for (c,), part in groups(own, "component")
        ]
        rows.sort(key=lambda row: -row["without"])
        found += [{"rank": rank, **row} for rank, row in enumerate(rows, start=1)]
    return found


def _lost(own: pd.DataFrame) -> pd.DataFrame:
    """What is lost without each component, "prompt component", as a share of the mean |gap|.

    Counted towards the fine-tune's side of each prompt, whichever way that lies.
    """
    lost = np.sign(own["gap"]) * own["without"] / own["gap"].abs().mean()
    return by_component(own.assign(lost=lost), "lost")


def _row(part: pd.DataFrame, name: str, study: Configuration) -> dict[str, Any]:
    shares = {side: share_of_gap(part, side, "gap", study) for side in ("alone", "without")}
    found: dict[str, Any] = {}
    for side, share in shares.items():
        assert share is not None, "targets leaves out fine-tunes whose gaps are too small"
        found |= {side: share.value, **columns(share, side)}
    return {
        "model": name,
        "label": players([name])[name].label,
        "component": part["component"].iloc[0],
        "kind": part["kind"].iloc[0],
        **found,
        "mean_abs_gap": float(part["gap"].abs().mean()),
        "n": len(part),
    }


def target_findings(rows: Rows, weights: pd.DataFrame, study: Configuration) -> list[Finding]:
    """What each fine-tune needs most, how far that goes alone, and what it could do without."""
    return [
        _finding([row for row in rows if row["model"] == name], own, study)
        for (name,), own in groups(weights, "model")
        if any(row["model"] == name for row in rows)
    ]


def _finding(own: Rows, weights: pd.DataFrame, study: Configuration) -> Finding:
    label, lost = own[0]["label"], _lost(weights)
    test, about = tested(lost, study), f"{label}, weights"
    top = largest(lost, study, test, by="value")
    rest = f"{_spared(own)} {counted(test, 'attentions and MLPs', study)}"
    if top is None:
        alone = f"{label}: a single scenario cannot measure which trained weights it needs most."
        nothing = Evidence(unit="share of the gap", n=own[0]["n"], detail=rest)
        return Finding(alone, nothing, about, QUESTION, undesigned(LEAST_SHARE, _UNTRAINED))
    most = needed_most(top, label)
    claim = largest_claim(
        top, least=LEAST_SHARE, named=(most, ""), false_in=_UNTRAINED,
        unsettled=f"{label} loses {top.value:.0%} of its gap to Base without the weights trained "
        f"in {top.component}.",
    )  # fmt: skip
    return Finding(
        f"{label}: which trained weights it needs most is not shown; the largest loss is "
        f"{top.value:.0%} of the gap.",
        largest_evidence(top, "share of the gap", own[0]["n"], study, _alone(top, own) + rest),
        about, QUESTION, claim,
    )  # fmt: skip


def needed_most(top: Largest, label: str) -> str:
    """The answer on the component that both halves chose."""
    return (
        f"{label} needs the weights trained in {top.component} most; without them it loses "
        f"{top.value:.0%} of its gap to Base."
    )


def _alone(top: Largest, own: Rows) -> str:
    """What the component that both halves chose carries alone."""
    alone = [row["alone"] for row in own if row["component"] == top.component]
    return f"Alone, {top.component} carries {alone[0]:.0%}. " if alone else ""


def _spared(own: Rows) -> str:
    spare = sum(row["without"] < LEAST_SHARE for row in own)
    return (
        f"{spare} of {len(own)} attentions and MLPs lose less than {LEAST_SHARE:.0%} each. The "
        f"shares carried alone sum to {sum(row['alone'] for row in own):.0%}, so singles do not "
        f"say what several do together."
    )
