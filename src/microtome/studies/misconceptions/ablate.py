"""What ablating features does to the answer: log p(correct) − log p(misconception), with controls.

Per layer the strongest features of each side, chosen on the pairs to select on, are taken out
together on the held-out pairs (`targets.py`); random atoms are written at the same tokens with the
same size (`matching.py`). Audits: a feature that never fires changes no probability, bit for bit;
controls match their target; claims are the contrast's.
"""

from collections.abc import Sequence
from typing import Any

from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.misconceptions.ablate_findings import ablation_findings
from microtome.studies.misconceptions.ablate_report import (
    ablation_report,
    differing_claims,
    summaries,
)
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.costs import ablation_cost
from microtome.studies.misconceptions.figures.ablate import ablation_figures
from microtome.studies.misconceptions.layer import layer_product, prepare
from microtome.studies.misconceptions.marking import marked, named, stand_in_of
from microtome.studies.misconceptions.material import of_role, pairs_of
from microtome.studies.misconceptions.pairs import of_rows
from microtome.studies.misconceptions.shelf import layers_of
from microtome.studies.misconceptions.units import ROLES, rows
from microtome.studies.misconceptions.warm import Warm


class Ablate(Step):
    """Features taken out, beside random ones."""

    name = "ablate"
    version = 2
    summary = "What the answer loses without the features, and without random ones instead."
    reads = (
        "layers", "dictionaries", "width", "average_l0", "random_dictionary", "read_at",
        "max_rows", "seed", "min_pairs", "level", "resamples", "layer", "feature", "top_n", "mode",
        "ablated_positions", "controls",
    )  # fmt: skip
    needs = ("features", "contrast")

    def units(self, study: Configuration) -> list[Unit]:
        pairs = pairs_of(study)
        used = ROLES if study.feature is not None else ROLES[:2]
        prompts = rows([pair for role in used for pair in of_role(pairs, role)])
        layers = layers_of(study) if study.layer is None else (study.layer,)
        return [Unit(f"layer {n}", {"layer": n, "prompts": prompts}) for n in layers]

    def cost(self, study: Configuration) -> Cost:
        return ablation_cost(study, len(self.units(study)))

    def compute(self, unit: Unit, warm: Warm, study: Configuration) -> Product:
        listed: Any = unit.inputs["prompts"]
        layer = int(str(unit.inputs["layer"]))
        return layer_product(prepare(layer, of_rows(listed), warm, study))

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        made = summaries(tables, study) if "ablate_results" in tables else []
        return Conclusion(
            named(ablation_findings(made, tables, study), stand_in_of(tables)),
            {"ablate_summary": made} if made else {},
            {"ablation_report": ablation_report(made, tables, study)},
            [differing_claims(tables, study.alpha)] if made and _whole(study, tables) else [],
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return marked(ablation_figures(study, tables), stand_in_of(tables))


def _whole(study: Configuration, tables: Tables) -> bool:
    """Whether all pairs to select on were contrasted, of which a dry run reads only some."""
    prompts = tables["features_prompts"]
    there = prompts.loc[prompts["role"] == "select", "pair_id"].nunique()
    return bool(there == len(of_role(pairs_of(study), "select")))
