"""Who writes the gap: direct attribution of Δ = logit(defect) − logit(cooperate), exactly.

Heads, MLPs, embedding and biases sum to each prompt's Δ (`microtome.methods.attribution`). Means
over prompts rank the components; between two models the same prompts are compared pairwise, and
one max-T test over all components bounds the chance of a single false claim.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import microtome as mt
from microtome.lab.claims import Evidence, Finding
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.dilemmas.claims import (
    EXCHANGED,
    LEAST_LOGITS,
    largest_claim,
    largest_evidence,
    undesigned,
)
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.contributions import (
    RANKED,
    changes_of,
    differences,
    ranked,
    summarised,
)
from microtome.studies.dilemmas.costs import prompt_cost
from microtome.studies.dilemmas.design import by_component, counted, tested
from microtome.studies.dilemmas.figures.attribution import attribution_figures
from microtome.studies.dilemmas.frames import present
from microtome.studies.dilemmas.largest import largest
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
        findings = [_finding(full, name, study) for name in present(full, study)]
        pairs = dict.fromkeys((row["source"], row["target"]) for row in changes)
        findings += [_change(full, source, target, study) for source, target in pairs]
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


QUESTION = "origin"
_ALONE = "a single scenario cannot measure the largest of many components."
_SIGNS = "the signs of contributions drawn at random for each scenario"


def _finding(full: "pd.DataFrame", name: str, study: Configuration) -> Finding:
    """Which head or MLP writes most for an action."""
    own = full[(full["model"] == name) & full["kind"].isin(RANKED)]
    wide, label = by_component(own, "contribution"), players(study.models)[name].label
    top, about = largest(wide, study), f"{label}, largest contribution"
    if top is None:
        claim, nothing = undesigned(LEAST_LOGITS, _SIGNS), Evidence(unit="logits", n=len(wide))
        return Finding(f"{label}: {_ALONE}", nothing, about, QUESTION, claim)
    size = f"{abs(top.value):.2f} logits on held-out {study.resample}"
    writes = f"{label}: {top.component} writes most, for"
    evidence = largest_evidence(
        top, "logits", len(wide), study, control="the parts sum to Δ on every prompt (an audit)"
    )
    claim = largest_claim(
        top, least=LEAST_LOGITS, false_in=_SIGNS,
        named=(f"{writes} defection: {size}.", f"{writes} cooperation: {size}."),
        unsettled=f"{label}: the largest contribution, of {top.component}, has {size}.",
    )  # fmt: skip
    return Finding(
        f"{label}: which head or MLP writes most is not shown; the largest has {size}.",
        evidence, about, QUESTION, claim,
    )  # fmt: skip


def _change(full: "pd.DataFrame", source: str, target: str, study: Configuration) -> Finding:
    """Which head or MLP changes most between two models."""
    wide = by_component(changes_of(full, source, target), "difference")
    labels = players([source, target])
    both = f"From {labels[source].label} to {labels[target].label}"
    about = f"{labels[source].label} → {labels[target].label}, largest change"
    test = tested(wide, study)
    top = largest(wide, study, test)
    if top is None:
        claim, nothing = undesigned(LEAST_LOGITS, EXCHANGED), Evidence(unit="logits", n=len(wide))
        return Finding(f"{both}: {_ALONE}", nothing, about, QUESTION, claim)
    size = f"{top.value:+.2f} logits on held-out {study.resample}"
    most = f"{both}, {top.component} changes most: {size}."
    claim = largest_claim(
        top, least=LEAST_LOGITS, named=(most, most), false_in=EXCHANGED,
        unsettled=f"{both}, the largest change, of {top.component}, is {size}.",
    )  # fmt: skip
    return Finding(
        f"{both}, which head or MLP changes most is not shown; the largest by {size}.",
        largest_evidence(top, "logits", len(wide), study, counted(test, "heads and MLPs", study)),
        about, QUESTION, claim,
    )  # fmt: skip
