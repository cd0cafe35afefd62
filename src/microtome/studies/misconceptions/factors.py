"""Are the claimed features of the voice, of what is stated, or specific to the domain?

The contrast's pairs put two voices before sentences on physics, so a feature that tells the
members apart may know the voice and nothing of physics. Here the same markers stand before
sentences of other kinds, and (where the data have such pairs) the misconception is stated without
any marker. Each claimed feature gets a verdict (`factoring.py`), measured on pairs that chose it
not: the held-out pairs inside the domain, these outside.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.misconceptions.ablate_report import claimed_in
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Feature, Sides
from microtome.studies.misconceptions.costs import factor_cost
from microtome.studies.misconceptions.factoring import effects, exchanged, row
from microtome.studies.misconceptions.factors_findings import factor_findings
from microtome.studies.misconceptions.features import prompt_row
from microtome.studies.misconceptions.figures.factors import factor_figures
from microtome.studies.misconceptions.marking import marked, named, stand_in_of
from microtome.studies.misconceptions.measured import factor_sides, pairs_in, sides_in
from microtome.studies.misconceptions.pairs import of_rows
from microtome.studies.misconceptions.reading import read_codes, readings
from microtome.studies.misconceptions.shelf import layers_of
from microtome.studies.misconceptions.units import factor_units
from microtome.studies.misconceptions.warm import Warm


class Factors(Step):
    """The same markers outside the domain, and misconceptions stated without a marker."""

    name = "factors"
    version = 2
    summary = "Whether the claimed features are of the voice, of what is stated, or of physics."
    reads = (
        "layers", "layer", "dictionaries", "width", "average_l0", "random_dictionary",
        "read_at", "max_rows", "seed",
    )  # fmt: skip
    needs = ("features", "contrast")

    def units(self, study: Configuration) -> list[Unit]:
        return factor_units(study)

    def cost(self, study: Configuration) -> Cost:
        return factor_cost(study)

    def compute(self, unit: Unit, warm: Warm, study: Configuration) -> Product:
        rows: Any = unit.inputs["prompts"]
        read = readings(warm.model, of_rows(rows), study.read_at)
        own = {layer: warm.dictionaries[layer] for layer in layers_of(study)}
        arrays: dict[str, np.ndarray] = {}
        for layer, found in read_codes(warm.model, read, own, study.max_rows).items():
            arrays |= found.codes.arrays(layer, "factors")
        return Product({"factors_prompts": [prompt_row(one) for one in read]}, arrays)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        claimed = _claimed(tables, study)
        inside = sides_in(tables, arrays).of(pairs_in(tables, "test"))
        outside, content = (
            _sides(tables, arrays, role, claimed) for role in ("elsewhere", "content")
        )
        found = effects(claimed, inside, outside, content, study.at) if inside.pairs else []
        control = (0, 0)
        if found and outside is not None:
            control = exchanged(claimed, inside, outside, study.at)
        made = [row(one, inside, outside) for one in found]
        said = factor_findings(found, made, outside, content, control, study)
        return Conclusion(
            named(said, stand_in_of(tables)),
            {"factors": made} if made else {},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return marked(factor_figures(study, tables), stand_in_of(tables))


def _claimed(tables: Tables, study: Configuration) -> list[tuple[Feature, str]]:
    """The features that the contrast claims, the strongest first, each with its side."""
    there = claimed_in(tables, study.alpha)
    rows = tables["contrast"].to_dict("records") if there else []
    places = ((Feature(int(r["layer"]), int(r["feature"])), str(r["side"])) for r in rows)
    return [(one, side) for one, side in places if (one.layer, one.number) in there]


def _sides(
    tables: Tables, arrays: Arrays, role: str, claimed: Sequence[tuple[Feature, str]]
) -> Sides | None:
    """Both members of a factor's pairs; None where the data have none."""
    if "factors_prompts" not in tables or role not in set(tables["factors_prompts"]["role"]):
        return None
    return factor_sides(tables, arrays, role, [feature for feature, _ in claimed])
