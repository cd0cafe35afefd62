"""Where training would have been enough: weight swaps of each attention and MLP.

    alone(c)   = Δ(base with the adapter's weights in c) − Δ(base)
    without(c) = Δ(tuned) − Δ(tuned without the adapter's weights in c)

Both as shares of the gap Δ(tuned) − Δ(base): towards the fine-tune on every prompt, whichever way
that lies, mean over mean |gap|. Attentions and MLPs are what an adapter can be restricted to.
Shares do not add up, and none says what training c alone would learn.
"""

from typing import TYPE_CHECKING, Any

import pandas as pd

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.lab.study import Finding
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.effects import GAP_FLOOR
from microtome.studies.dilemmas.evidence import bounds, clusters, groups, ratio_of
from microtome.studies.dilemmas.models import batches, place
from microtome.studies.dilemmas.patching import kind_of
from microtome.studies.dilemmas.players import players
from microtome.studies.dilemmas.randomness import random_component

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
        if own["gap"].abs().mean() < GAP_FLOOR:
            continue
        own = _towards(own)
        p = _against_random(own, study)
        rows = [_row(part, name, p[c], study) for (c,), part in groups(own, "component")]
        rows.sort(key=lambda row: -row["without"])
        found += [{"rank": rank, **row} for rank, row in enumerate(rows, start=1)]
    return found


def _towards(own: pd.DataFrame) -> pd.DataFrame:
    """Changes counted towards the fine-tune's side of each prompt, and the gap as positive."""
    sign = own["gap"].map(lambda gap: 1.0 if gap >= 0 else -1.0)
    return own.assign(**{name: own[name] * sign for name in ("alone", "without", "gap")})


def _row(part: pd.DataFrame, name: str, p: float, study: Configuration) -> dict[str, Any]:
    alone, without = (ratio_of(part, column, "gap", study) for column in ("alone", "without"))
    return {
        "model": name,
        "label": players([name])[name].label,
        "component": part["component"].iloc[0],
        "kind": part["kind"].iloc[0],
        "alone": alone.value,
        **bounds(alone, "alone_low", "alone_high"),
        "without": without.value,
        **bounds(without, "without_low", "without_high"),
        "p_random_component": p,
        "mean_gap": float(part["gap"].mean()),
        "n": len(part),
    }


def _against_random(own: pd.DataFrame, study: Configuration) -> dict[str, float]:
    wide = own.pivot_table(
        index=["scenario", "variant"], columns="component", values="without", sort=False
    )
    kinds = [kind_of(str(name)) for name in wide.columns]
    places = clusters(wide.index.to_frame(index=False), study)
    p = random_component(wide.to_numpy(), kinds, places, study.resamples, study.seed)
    return dict(zip(map(str, wide.columns), p.tolist(), strict=True))


def target_findings(rows: Rows, study: Configuration) -> list[Finding]:
    """What each fine-tune needs most, how far that goes alone, and what it could do without."""
    models = dict.fromkeys(row["model"] for row in rows)
    return [_finding([row for row in rows if row["model"] == name], study) for name in models]


def _finding(own: Rows, study: Configuration) -> Finding:
    top, spare = own[0], sum(row["without"] < _SPARED for row in own)
    claimed = sum(row["p_random_component"] < 1 - study.level and row["without"] > 0 for row in own)
    return Finding(
        f"{top['label']}: the weights trained in {top['component']} are needed most; without them "
        f"the fine-tune loses {top['without']:.0%} of its gap to Base, and alone they carry "
        f"{top['alone']:.0%}. {spare} of {len(own)} attentions and MLPs could each be left "
        f"untrained for less than {_SPARED:.0%}. The shares carried alone sum to "
        f"{sum(row['alone'] for row in own):.0%}, so singles do not say what several do together.",
        top["without"], top["without_low"], top["without_high"], unit="share of the gap",
        n=top["n"], about=f"{top['label']}, weights",
        control=f"{claimed} of {len(own)} are needed more than random components of their kind "
        f"(max-T, p < {1 - study.level:.2g})",
    )  # fmt: skip
