"""Features ablated one at a time, each beside random atoms at the same tokens with the same size.

The strongest significant features of both contrasts are ablated on the held-out members of their
own side: after the voice, or after the stated belief.
"""

from collections.abc import Sequence
from typing import Any

from microtome.lab.study import Product
from microtome.studies.misconceptions.ablate_report import SIGNS
from microtome.studies.misconceptions.candidates import (
    HELD_OUT,
    By,
    Candidate,
    candidate,
    candidates,
)
from microtome.studies.misconceptions.contrasting import Contrast, Feature
from microtome.studies.misconceptions.layer import Layer, ablated_and_controls
from microtome.studies.misconceptions.pairs import Prompt, Role
from microtome.studies.misconceptions.targets import Target

Rows = list[dict[str, Any]]
READ: tuple[Role, ...] = ("select", "test", "content_select", "content")
"""Roles of the pairs to select on, and of those to ablate on."""


def alone_product(layer: Layer) -> Product:
    """The candidates of one layer, their ablations and their matched random sets."""
    tables: dict[str, Rows] = {"verdicts_features": [], "verdicts_results": [],
                               "verdicts_controls": []}  # fmt: skip
    audits = []
    prompts = [one.prompt for one in layer.read]
    for one in chosen(layer):
        target = target_of(one, prompts)
        if not target.prompts:
            continue
        results, controls = ablated_and_controls(layer, target)
        tables["verdicts_features"].append(row_of(one))
        tables["verdicts_results"] += results
        tables["verdicts_controls"] += controls.rows
        audits += controls.audits
    return Product({name: rows for name, rows in tables.items() if rows}, audits=audits)


def chosen(layer: Layer) -> list[Candidate]:
    """The candidates of this layer: the user's feature, else the strongest over all layers."""
    contrasts: dict[By, Contrast] = {"voice": layer.found}
    if layer.stated is not None:
        contrasts["content"] = layer.stated
    if layer.study.feature is not None:
        return _of_user(Feature(layer.number, layer.study.feature), contrasts)
    every = candidates(contrasts, layer.study.judged)
    return [one for one in every if one.feature.layer == layer.number]


def _of_user(feature: Feature, contrasts: dict[By, Contrast]) -> list[Candidate]:
    """A feature of the user's in the contrast in which it differs more; none if it is in none."""
    own = [
        candidate(found, by, found.features.index(feature))
        for by, found in contrasts.items()
        if feature in found.features
    ]
    return sorted(own, key=lambda one: -abs(one.d_z))[:1]


def target_of(one: Candidate, prompts: Sequence[Prompt]) -> Target:
    """Its ablation: the members of its side of the held-out pairs."""
    members = tuple(p for p in prompts if (p.role, p.label) == (HELD_OUT[one.by], one.side))
    return Target(
        one.feature.layer, one.side, (one.feature.number,), SIGNS[one.side], members,
        tuple(range(len(members))),
    )  # fmt: skip


def row_of(one: Candidate) -> dict[str, Any]:
    """As columns of `verdicts_features`."""
    return {
        "layer": one.feature.layer, "feature": one.feature.number, "found_by": one.by,
        "side": one.side, "mean": one.mean, "d_z": one.d_z, "p_max_t": one.p,
    }  # fmt: skip
