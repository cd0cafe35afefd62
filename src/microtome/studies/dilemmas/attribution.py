"""Who writes the gap: direct attribution of Δ = logit(defect) − logit(cooperate), exactly.

Heads, MLPs, embedding and biases sum to each prompt's Δ (`microtome.methods.attribution`). Means
over prompts rank the components; between two models the same prompts are compared pairwise, and
one max-T test over all components bounds the chance of a single false claim.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import microtome as mt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.contributions import differences, ranked, summarised
from microtome.studies.dilemmas.costs import prompt_cost
from microtome.studies.dilemmas.evidence import clusters, present, smallest_p
from microtome.studies.dilemmas.figures.attribution import attribution_figures
from microtome.studies.dilemmas.models import (
    batches,
    model_in,
    model_units,
    place,
    prompts_in,
)
from microtome.studies.dilemmas.players import players

if TYPE_CHECKING:
    import pandas as pd


class Attribution(Step):
    """Contribution of every component to Δ, per model and prompt."""

    name = "attribution"
    version = 1
    summary = "Which heads and MLPs write for defection and which for cooperation."
    reads = ("first", "second", "chat", "max_rows")

    def units(self, study: Configuration) -> list[Unit]:
        return model_units(study)

    def cost(self, study: Configuration) -> Cost:
        return prompt_cost(study, passes=1, bytes_per_prompt=20_000)

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        model, name = model_in(unit, warm), unit.inputs["model"]
        found: list[dict[str, Any]] = []
        audits: list[mt.Audit] = []
        for batch in batches(model, prompts_in(unit), study):
            split = mt.attribute(model, batch.ids, batch.direction)
            audits.extend(split.audit)
            for row in split.rows():
                index = row.pop("row")
                prompt, delta = batch.prompts[index], float(split.delta[index])
                found.append({"model": name, **place(prompt), **row, "delta": delta})
        return Product({"attribution_full": found}, audits=audits)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        full = tables["attribution_full"]
        summary = summarised(full, study)
        changes = differences(full, study)
        findings = [_finding(summary, name, study) for name in present(full, study)]
        findings += [_change(part, study, full) for part in _by_pair(changes)]
        return Conclusion(
            findings=findings,
            tables={
                "attribution_summary": summary,
                "attribution_top": ranked(summary, study),
                "attribution_differences": changes,
            },
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return attribution_figures(study, tables)


def _finding(summary: list[dict[str, Any]], name: str, study: Configuration) -> Finding:
    own = [row for row in summary if row["model"] == name and row["kind"] in ("head", "mlp")]
    top = max(own, key=lambda row: abs(row["mean"]))
    side = "defection" if top["mean"] > 0 else "cooperation"
    return Finding(
        f"{players(study.models)[name].label}: {top['component']} writes most, "
        f"{abs(top['mean']):.2f} logits for {side} on average over {top['n']} prompts.",
        top["mean"], top["low"], top["high"], unit="logits", n=top["n"],
        control="the parts sum to Δ on every prompt",
        about=f"{players(study.models)[name].label}, largest contribution",
    )  # fmt: skip


def _by_pair(changes: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    pairs = dict.fromkeys((row["source"], row["target"]) for row in changes)
    return [[r for r in changes if (r["source"], r["target"]) == pair] for pair in pairs]


def _change(rows: list[dict[str, Any]], study: Configuration, full: "pd.DataFrame") -> Finding:
    top = max(rows, key=lambda row: abs(row["difference"]))
    labels = players([top["source"], top["target"]])
    claimed = sum(row["p_max_t"] < 1 - study.level for row in rows)
    part = full[(full["model"] == top["source"]) & (full["component"] == top["component"])]
    units = clusters(part, study)
    floor = smallest_p(len(part) if units is None else len(set(units)))
    return Finding(
        f"From {labels[top['source']].label} to {labels[top['target']].label}, "
        f"{top['component']} changes most, by {top['difference']:+.2f} logits; "
        f"{claimed} of {len(rows)} components differ at p < {1 - study.level:.2g} (max-T over "
        f"all of them; this design can reach p = {floor:.2g}).",
        top["difference"], top["low"], top["high"], unit="logits", n=top["n"],
        control="max-T over sign flips", about=f"{top['pair']}, largest change",
    )  # fmt: skip
