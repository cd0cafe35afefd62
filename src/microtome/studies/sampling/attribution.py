"""Which layers decide at a fork: logit(top 1) − logit(top 2) split exactly, there and elsewhere.

The forks of highest rank come from the run's own `bifurcation_points.json`, or from a file made
elsewhere. Two controls: the same two tokens at the lowest-ranked fork of the same problem, where
nothing is chosen between them, and random pairs of tokens at the fork itself. The component that
writes most is ablated, and the change of the logit difference compared with what it predicts.
"""

from collections.abc import Sequence
from typing import Any

import microtome as mt
from microtome.errors import InputError
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.sampling.bifurcations import (
    NAME,
    Bifurcations,
    Point,
    demand_fit,
    own_file,
    read_bifurcations,
)
from microtome.studies.sampling.branch_costs import attribution_cost
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.deciders import components, layer_means
from microtome.studies.sampling.deciders_found import decision_findings
from microtome.studies.sampling.decisions import decided
from microtome.studies.sampling.figures.layers import layer_figures


class Attribution(Step):
    """The logit difference of the top forks, by component."""

    name = "attribution"
    version = 1
    summary = "Which layers, heads and MLPs decide where one token changes everything."
    reads = ("formula", "seed")

    def units(self, study: Configuration) -> Sequence[Unit]:
        path = study.bifurcations or own_file(study)
        if path is None:
            return _expected(study)
        found = read_bifurcations(path)
        return [_unit(point, found) for point in found.ranked()[: study.top_n_points]]

    def cost(self, study: Configuration) -> Cost:
        return attribution_cost(study)

    def compute(self, unit: Unit, warm: "mt.Model", study: Configuration) -> Product:
        point = Point.model_validate(unit.inputs["point"])
        config = warm.parts.config
        demand_fit(point, config.vocab_size, getattr(config, "max_position_embeddings", None))
        elsewhere: Any = unit.inputs["elsewhere"]
        return decided(warm, point, elsewhere, study)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        top = components(tables["attribution_forks"], study)
        layers = layer_means(tables["attribution_layers"], study)
        return Conclusion(
            findings=decision_findings(tables, study),
            tables={"attribution_components": top, "attribution_layer_means": layers},
            audits=_origin(study),
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return layer_figures(study, tables)


def _unit(point: Point, found: Bifurcations) -> Unit:
    """A fork, with the prefix of the same problem's lowest-ranked one."""
    others = [one for one in found.ranked() if one.problem == point.problem and one != point]
    elsewhere = list(others[-1].prefix_ids) if others else None
    name = f"{point.problem}/{point.t}"
    return Unit(name, {"point": point.model_dump(mode="json"), "elsewhere": elsewhere})


def _expected(study: Configuration) -> list[Unit]:
    """As many units as there will be once sensitivity, which is to run too, has found forks."""
    if not any(step.name == "sensitivity" for step in study.chosen()):
        raise InputError(
            f"There is no {NAME}.json in this run yet: do --steps sensitivity,attribution, or give "
            f"a file made elsewhere with --bifurcations."
        )
    return [Unit(f"fork {i}", {"rank": i}) for i in range(1, study.top_n_points + 1)]


def _origin(study: Configuration) -> list["mt.Audit"]:
    """Whether a file made elsewhere was made with this very model."""
    if study.bifurcations is None:
        return []
    theirs = read_bifurcations(study.bifurcations).model
    own = study.provenance()["digest"]
    note = f"made with {theirs.name or 'an unnamed model'}, digest {theirs.digest[:12] or 'none'}"
    name = "bifurcation points of another model"
    return [mt.Audit(name, float(theirs.digest != own), 0.0, note=note)]
