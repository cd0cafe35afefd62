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
from microtome.statistics import Columns
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.contributions import (
    RANKED,
    changes_of,
    differences,
    ranked,
    summarised,
)
from microtome.studies.dilemmas.costs import prompt_cost
from microtome.studies.dilemmas.design import by_component, p_values, tested, undecided
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


def _finding(full: "pd.DataFrame", name: str, study: Configuration) -> Finding:
    own = full[(full["model"] == name) & full["kind"].isin(RANKED)]
    wide, label = by_component(own, "contribution"), players(study.models)[name].label
    top, about = largest(wide, study), f"{label}, largest contribution"
    if top is None:
        return Finding.stated(f"{label}: {_ALONE}", n=len(wide), about=about)
    side = "defection" if top.value > 0 else "cooperation"
    text = "which head or MLP writes most is not settled"
    if top.settled:
        text = f"{top.component} writes most, {abs(top.value):.2f} logits for {side}"
    return Finding.stated(
        f"{label}: {text} ({top.of_size(study)}).",
        top.value, *top.ends, unit="logits", n=len(wide), about=about,
        control="the parts sum to Δ on every prompt",
    )  # fmt: skip


_ALONE = "a single scenario does not measure the largest contribution where it was not chosen."


def _change(full: "pd.DataFrame", source: str, target: str, study: Configuration) -> Finding:
    wide = by_component(changes_of(full, source, target), "difference")
    labels = players([source, target])
    both = f"From {labels[source].label} to {labels[target].label}"
    about = f"{labels[source].label} → {labels[target].label}, largest change"
    test = tested(wide, study)
    top, differing = largest(wide, study, test), _differing(test, wide.shape[1], study)
    if top is None:
        return Finding.stated(f"{both}: {_ALONE}", n=len(wide), about=about)
    if top.shown == 0:
        nothing = f"{both}, no head or MLP is shown to change. {differing}"
        return Finding.stated(nothing, n=len(wide), about=about)
    text = "which head or MLP changes most is not settled"
    if top.settled:
        text = f"{top.component} changes most, by {top.value:+.2f} logits"
    return Finding.stated(
        f"{both}, {text} ({top.evidence(study, '+.2f')}). {differing}",
        top.value, *top.ends, unit="logits", n=len(wide), about=about,
    )  # fmt: skip


def _differing(test: Columns, count: int, study: Configuration) -> str:
    """How many components differ, or why this design cannot decide it."""
    if why := undecided(test, study):
        return f"Which of the {count} heads and MLPs differ is undecided: {why}."
    claimed = sum(p is not None and p < study.at.alpha for p in p_values(test))
    return (
        f"{claimed} of {count} heads and MLPs are shown to differ ({test.test}, max-T over "
        f"all of them, p < {study.at.alpha:.2g})."
    )
