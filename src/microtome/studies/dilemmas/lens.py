"""When a model decides: the logit lens on Δ = logit(defect) − logit(cooperate), layer by layer.

Each layer's residual stream at the fork is read through the final norm and unembedding; the last
layer's readout is the model's own Δ. A trajectory settles at the first layer from which its sign
no longer changes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import microtome as mt
from microtome.lab.claims import Claim, Finding
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.dilemmas.claims import ACTIONS, LEAST_LOGITS, measured
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import prompt_cost
from microtome.studies.dilemmas.design import mean_over
from microtome.studies.dilemmas.figures.lens import lens_figures
from microtome.studies.dilemmas.frames import groups, present
from microtome.studies.dilemmas.models import (
    ANSWERS,
    Batch,
    batches,
    model_in,
    model_units,
    place,
    prompts_in,
)

if TYPE_CHECKING:
    import pandas as pd


class Lens(Step):
    """Trajectories of Δ over the layers."""

    name = "lens"
    version = 2
    summary = "At which layer each model leans to which action."
    reads = ("first", "second", "chat", "max_rows")

    def units(self, study: Configuration) -> list[Unit]:
        return model_units(study)

    def cost(self, study: Configuration) -> Cost:
        return prompt_cost(study, passes=1, bytes_per_prompt=2000)

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        model, name = model_in(unit, warm), unit.inputs["model"]
        trajectories: list[dict[str, Any]] = []
        statistics: list[dict[str, Any]] = []
        audits: list[mt.Audit] = []
        for batch in batches(model, prompts_in(unit), study):
            run = model.run(batch.ids, read=mt.resid_post[:], logits="last")
            lens = mt.logit_lens(run, batch.direction, names=ANSWERS)
            audits.extend(lens.audit)
            trajectories += [{"model": name, **row} for row in _trajectories(lens, batch)]
            neither = [
                answers.probabilities(row)[2]
                for answers, row in zip(batch.answers, run.final_logits, strict=True)
            ]
            statistics += [{"model": name, **row} for row in _statistics(lens, batch, neither)]
        return Product(
            {"lens_trajectories": trajectories, "lens_statistics": statistics}, audits=audits
        )

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        statistics = tables["lens_statistics"]
        n_layers = int(tables["lens_trajectories"]["layer"].max()) + 1
        return Conclusion(
            findings=[
                finding
                for name, player in present(statistics, study).items()
                for finding in findings_of(
                    statistics[statistics["model"] == name], player.label, n_layers, study
                )
            ],
            data={"trajectories": _nested(tables["lens_trajectories"])},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return lens_figures(study, tables)


def _trajectories(lens: "mt.Lens", batch: Batch) -> list[dict[str, Any]]:
    return [
        {**place(prompt), "layer": layer, "delta": float(value)}
        for prompt, column in zip(batch.prompts, lens.trajectory.T, strict=True)
        for layer, value in enumerate(column)
    ]


def _statistics(lens: "mt.Lens", batch: Batch, neither: Sequence[float]) -> list[dict[str, Any]]:
    found = []
    for prompt, row, silence in zip(batch.prompts, lens.statistics(), neither, strict=True):
        flips = row.pop("flip_layers")
        found.append(
            {
                **place(prompt),
                **row,
                "flip_layers": " ".join(map(str, flips)),
                "n_flips": len(flips),
                "settles_at": flips[-1] if flips else 0,
                "p_neither": silence,
            }
        )
    return found


def _nested(frame: "pd.DataFrame") -> dict[str, Any]:
    """Model -> scenario -> variant -> Δ per layer."""
    found: dict[str, Any] = {}
    for (model, scenario, variant), part in groups(frame, "model", "scenario", "variant"):
        values = part.sort_values("layer")["delta"].tolist()
        found.setdefault(model, {}).setdefault(scenario, {})[str(variant)] = values
    return found


def findings_of(
    frame: "pd.DataFrame", label: str, n_layers: int, study: Configuration
) -> list[Finding]:
    """Where the sign of Δ settles, and to which action the model leans in the end."""
    settled = int(np.median(frame["settles_at"]))
    first = Finding.stated(
        f"{label}: the sign of Δ settles at layer {settled} of {n_layers - 1} (median).",
        float(settled), unit="layer", n=len(frame), about=label, question="origin",
    )  # fmt: skip
    return [first, _lean(frame, label, study)]


def _lean(frame: "pd.DataFrame", label: str, study: Configuration) -> Finding:
    """The claim of a lean; a description of a model that gives neither answer."""
    final, neither = mean_over(frame, "final_delta", study), float(frame["p_neither"].mean())
    size, unit = f"Δ = {final.value:+.2f} on average", "Δ logit (D − C)"
    if neither > study.silent_above:
        evidence = measured(final, unit, study, f"P(neither) is {neither:.2f}.")
        return Finding(f"{label} ends with neither answer: {size}.", evidence, label, "choice")
    defecting = int((frame["final_action"] == ANSWERS[1]).sum())
    counts = f"{defecting} of {len(frame)} prompts end with Δ above 0."
    claim = Claim(
        p=final.p, least=LEAST_LOGITS, false_in=ACTIONS,
        above=f"{label} ends leaning to defection: {size}.",
        below=f"{label} ends leaning to cooperation: {size}.",
    )  # fmt: skip
    return Finding(
        f"{label} ends without a lean that is shown: {size}.",
        measured(final, unit, study, counts), label, "choice", claim,
    )  # fmt: skip
