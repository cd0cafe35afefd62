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
from microtome.lab.evidence import columns
from microtome.lab.study import Finding
from microtome.statistics import Columns
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import (
    by_component,
    p_values,
    rests_on_small,
    share_of_gap,
    tested,
    undecided,
)
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.largest import Largest, largest
from microtome.studies.dilemmas.models import batches, place
from microtome.studies.dilemmas.patching import kind_of
from microtome.studies.dilemmas.players import players

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows = list[dict[str, Any]]
_SPARED = 0.1
"""Share of the gap whose loss a targeted fine-tuning would bear."""


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
    label, spare = own[0]["label"], sum(row["without"] < _SPARED for row in own)
    lost = _lost(weights)
    test, about = tested(lost, study), f"{label}, weights"
    top = largest(lost, study, test)
    rest = (
        f"{spare} of {len(own)} attentions and MLPs could each be left untrained for less than "
        f"{_SPARED:.0%}. The shares carried alone sum to {sum(row['alone'] for row in own):.0%}, "
        f"so singles do not say what several do together. {_needed(lost, test, study)}"
    )
    if top is not None and top.shown == 0:
        rest = f"no trained weights are shown to be needed. {rest}"
    if top is None or top.shown == 0:
        return Finding.stated(f"{label}: {rest}", n=own[0]["n"], about=about)
    return Finding.stated(
        f"{label}: {_most(top, own)} ({top.evidence(study)}). {rest}",
        top.value, *top.ends, unit="share of the gap", n=own[0]["n"], about=about,
    )  # fmt: skip


def _most(top: Largest, own: Rows) -> str:
    if not top.settled or top.value < 0:
        return "which trained weights are needed most is not settled"
    alone = next(row["alone"] for row in own if row["component"] == top.component)
    return (
        f"the weights trained in {top.component} are needed most; without them the fine-tune "
        f"loses {top.value:.0%} of its gap to Base, and alone they carry {alone:.0%}"
    )


def _needed(lost: pd.DataFrame, test: Columns, study: Configuration) -> str:
    count = lost.shape[1]
    if why := undecided(test, study):
        return f"Which are needed at all is undecided: {why}."
    p = zip(p_values(test), lost.mean(), strict=True)
    claimed = sum(one is not None and one < study.at.alpha and mean > 0 for one, mean in p)
    return (
        f"{claimed} of {count} are shown to be needed ({test.test}, max-T, "
        f"p < {study.at.alpha:.2g})."
    )
