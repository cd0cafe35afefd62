"""Does a feature predict the misconception, cause it, and is it specific? One verdict a feature.

The strongest features of two contrasts are judged: who speaks (the step contrast) and what is
stated without a speaker (found here, on pairs of their own). Each is ablated alone, beside random
atoms at the same tokens with the same size; what it does on held-out pairs, before sentences
without physics and where belief and voice disagree comes from the steps features and factors.
"""

from typing import Any

from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.misconceptions.alone import READ, alone_product
from microtome.studies.misconceptions.candidates import HELD_OUT
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.costs import verdict_cost
from microtome.studies.misconceptions.judging import exchanged_verdicts
from microtome.studies.misconceptions.layer import prepare
from microtome.studies.misconceptions.marking import named, stand_in_of
from microtome.studies.misconceptions.material import factor_pairs, of_role, pairs_of
from microtome.studies.misconceptions.measured import sides_by_role
from microtome.studies.misconceptions.pairs import of_rows
from microtome.studies.misconceptions.shelf import layers_of
from microtome.studies.misconceptions.units import rows
from microtome.studies.misconceptions.verdict_rows import (
    candidates_in,
    judgements,
    mistake_rows,
    verdict_row,
)
from microtome.studies.misconceptions.verdicts_findings import nothing_judged, verdict_findings
from microtome.studies.misconceptions.warm import Warm


class Verdicts(Step):
    """Every candidate ablated alone, and its three parts put together."""

    name = "verdicts"
    version = 1
    summary = "Which features predict the misconception, cause it, and are specific."
    reads = (
        "layers", "dictionaries", "width", "average_l0", "random_dictionary", "read_at",
        "max_rows", "seed", "min_pairs", "level", "resamples", "layer", "feature", "mode",
        "ablated_positions", "controls", "judged",
    )  # fmt: skip
    needs = ("features", "contrast", "factors")

    def units(self, study: Configuration) -> list[Unit]:
        pairs = (*pairs_of(study), *factor_pairs(study))
        prompts = rows([pair for role in READ for pair in of_role(pairs, role)])
        wanted = {study.layer} if study.feature is not None else set(layers_of(study))
        layers = [layer for layer in layers_of(study) if layer in wanted]
        return [Unit(f"layer {n}", {"layer": n, "prompts": prompts}) for n in layers]

    def cost(self, study: Configuration) -> Cost:
        return verdict_cost(study, len(self.units(study)))

    def compute(self, unit: Unit, warm: Warm, study: Configuration) -> Product:
        listed: Any = unit.inputs["prompts"]
        layer = int(str(unit.inputs["layer"]))
        return alone_product(prepare(layer, of_rows(listed), warm, study))

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        if "verdicts_features" not in tables:
            return Conclusion(named([nothing_judged()], stand_in_of(tables)))
        chosen = candidates_in(tables)
        sides = sides_by_role(tables, arrays, [one.feature for one in chosen])
        chosen = [one for one in chosen if HELD_OUT[one.by] in sides]
        found = judgements(chosen, sides, tables, study)
        mistakes = _mistakes(tables)
        by_mistake = [row for one in found for row in mistake_rows(one, sides, mistakes, study)]
        control = exchanged_verdicts(chosen, sides, study.at)
        made = {"verdicts": [verdict_row(one) for one in found], "verdicts_mistakes": by_mistake}
        said = verdict_findings(found, by_mistake, control, study)
        return Conclusion(
            named(said, stand_in_of(tables)), {name: own for name, own in made.items() if own}
        )


def _mistakes(tables: Tables) -> dict[str, str]:
    """The misconception of every pair, by name."""
    frames = [tables[name] for name in ("features_prompts", "factors_prompts") if name in tables]
    return {
        str(pair): str(name)
        for frame in frames
        for pair, name in zip(frame["pair_id"], frame["mistake"], strict=True)
    }
