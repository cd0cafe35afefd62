"""The original's search per prompt: add ranked components until the receiver's answer flips.

What it finds is a cut and no circuit (`microtome.methods.patching.greedy`); it stands beside the
circuits so that both can be compared.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.lab.study import Finding
from microtome.studies.dilemmas.clear import answered, clear, left_out, neither
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.models import batches, place

if TYPE_CHECKING:
    import pandas as pd

MAX_COMPONENTS = 10
"""How many components the original adds before it gives up."""


def flip_search(
    source: "mt.Model",
    target: "mt.Model",
    prompts: Sequence[Prompt],
    study: Configuration,
    pair: dict[str, Any],
) -> tuple[list[dict[str, Any]], list["mt.Audit"]]:
    """One row per component added, prompt by prompt, and the audits of all patches."""
    from microtome.methods.patching import greedy_flip

    rows: list[dict[str, Any]] = []
    audits: list[mt.Audit] = []
    for prompt in prompts:
        (batch,) = batches(target, [prompt], study)
        found = greedy_flip(
            target, batch.ids, source, [mt.head_out[:, :], mt.mlp_out[:]], batch.direction,
            max_components=MAX_COMPONENTS, max_rows=study.max_rows,
        )  # fmt: skip
        ends = {
            "baseline_delta": float(found.patching.baseline[0]),
            "donor_delta": float(found.patching.donor[0]),
            "baseline_neither": neither(target, batch)[0],
        }
        for row in found.rows():
            rows.append({**pair, **place(prompt), "rank": row.pop("step"), **row, **ends})
        audits.extend(found.audit)
    return rows, audits


def flip_finding(rows: "pd.DataFrame", study: Configuration) -> Finding:
    """On how many of a pair's prompts the answer flipped, and after how many components.

    Counted are prompts where the receiver's answer counts (`clear.py`).
    """
    pair = rows["pair"].iloc[0]
    last = rows.groupby(["scenario", "variant"], sort=False).tail(1)
    counted = last[clear(last, study)]
    flipped = counted[counted["flipped"].astype(bool)]
    after = f" Median number added: {flipped['rank'].median():g}." if len(flipped) else ""
    meaning = " This flips the answer; it is not a circuit." if len(flipped) else ""
    silent = int((~answered(last, study)).sum())
    near = last[answered(last, study) & ~last.index.isin(counted.index)]
    others = f" Of the {len(near)} prompts nearer to 0, {near['flipped'].sum()} flip."
    return Finding.stated(
        f"{pair}: components added by rank flip the answer on {len(flipped)} of {len(counted)} "
        f"prompts.",
        float(len(flipped)), unit="prompts flipped", n=len(last), about=f"{pair}, flip search",
        question="difference",
        detail=f"Counted are prompts with |Δ| of {study.flip_floor:g} or more.{after}"
        f"{others if len(near) else ''}{left_out(silent, len(last), study)}{meaning}",
    )  # fmt: skip
