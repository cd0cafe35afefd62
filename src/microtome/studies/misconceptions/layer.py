"""All that is done at one layer: choose what to ablate, ablate it, and ablate random features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microtome.audit import Audit
from microtome.lab.study import Product
from microtome.statistics import Floats
from microtome.studies.misconceptions.ablating import Ablation, difference, scored_without
from microtome.studies.misconceptions.codes import Codes
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast, Feature
from microtome.studies.misconceptions.controls import Controls, control_rows
from microtome.studies.misconceptions.injection import inject
from microtome.studies.misconceptions.pairs import Pair, Prompt
from microtome.studies.misconceptions.reading import Reading, read_codes, readings
from microtome.studies.misconceptions.scoring import Row, rows_of, score
from microtome.studies.misconceptions.shelf import layers_of
from microtome.studies.misconceptions.targets import Target, chosen_targets, selected
from microtome.studies.misconceptions.warm import Warm

Rows = list[dict[str, Any]]
_AUDITED = 8
"""Prompts on which a feature that never fires is ablated."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer's codes of all prompts, what all layers select, and how features are ablated."""

    number: int
    warm: Warm
    study: Configuration
    read: tuple[Reading, ...]
    codes: Codes
    found: Contrast
    ablation: Ablation
    stated: Contrast | None = None
    """The contrast of stated beliefs; None where no such pairs were read."""

    @property
    def d_dict(self) -> int:
        return self.ablation.dictionary.d_dict

    def rows(self, prompts: Sequence[Prompt]) -> list[Row]:
        """What is run to score both answers of these prompts."""
        return rows_of(self.warm.model, prompts)

    def without(self, features: Sequence[int], rows: Sequence[Row]) -> Floats:
        """log p of both answers "prompt answer" with these features ablated."""
        most = self.study.max_rows
        return scored_without(self.warm.model, rows, self.ablation, features, most)


def prepare(layer: int, pairs: Sequence[Pair], warm: Warm, study: Configuration) -> Layer:
    """Read the prompts and contrast those to select on, over all layers as the contrast does."""
    read = readings(warm.model, pairs, study.read_at)
    dictionary = warm.dictionaries[layer]
    shared = layers_of(study) if layer in layers_of(study) else (layer,)
    contrasted = {n: own for n, own in warm.dictionaries.items() if n in shared}
    by_layer = read_codes(warm.model, read, contrasted, study.max_rows)
    own, prompts = by_layer[layer], [one.prompt for one in read]
    pooled = {n: one.pooled(read) for n, one in by_layer.items()}
    found = selected(pooled, prompts, study)
    has_stated = any(p.role == "content_select" for p in prompts)
    stated = selected(pooled, prompts, study, "content_select") if has_stated else None
    pool = {p.id for p in prompts if p.role == "select"} or {p.id for p in prompts}
    tokens = own.codes.at(_tokens(read, pool, study.ablated_positions))
    ablation = Ablation(dictionary, study.mode, study.ablated_positions, tokens, study.seed)
    return Layer(layer, warm, study, tuple(read), own.codes, found, ablation, stated)


def layer_product(layer: Layer) -> Product:
    """The rows of one layer: results per prompt, controls per random set, the features' own."""
    results: Rows = []
    controls: Rows = []
    features: Rows = []
    audits = _silent(layer)
    prompts = [one.prompt for one in layer.read]
    for target in chosen_targets(layer.number, layer.found, prompts, layer.study):
        own, made = ablated_and_controls(layer, target)
        results, controls, audits = results + own, controls + made.rows, audits + made.audits
        features += _features(layer, target)
    tables = {
        "ablate_results": results,
        "ablate_controls": controls,
        "ablate_features": features,
    }
    return Product({name: rows for name, rows in tables.items() if rows}, audits=audits)


def ablated_and_controls(layer: Layer, target: Target) -> tuple[Rows, Controls]:
    """Rows per prompt of one ablation, and its matched random sets."""
    model, most = layer.warm.model, layer.study.max_rows
    rows, headline = layer.rows(target.prompts), list(target.headline)
    baseline = np.asarray(score(model, rows, most).numpy())
    ablated = layer.without(target.features, rows)
    before, after = difference(baseline)[headline], difference(ablated)[headline]
    scored = layer.rows(target.compared)
    made = control_rows(model, layer.ablation, target, scored, before, after, layer.study)
    return _results(target, baseline, ablated), made


def _results(target: Target, baseline: Floats, ablated: Floats) -> Rows:
    change = difference(ablated) - difference(baseline)
    return [
        {**target.place, "id": p.id, "pair_id": p.pair_id, "label": p.label, "role": p.role,
         "baseline_correct": float(baseline[i, 0]), "baseline_misconception": float(baseline[i, 1]),
         "ablated_correct": float(ablated[i, 0]), "ablated_misconception": float(ablated[i, 1]),
         "change": float(change[i]), "headline": i in target.headline}
        for i, p in enumerate(target.prompts)
    ]  # fmt: skip


def _features(layer: Layer, target: Target) -> Rows:
    """Each ablated feature: how it differed, and what its strongest tokens do elsewhere."""
    place = {feature: i for i, feature in enumerate(layer.found.features)}
    p, rows = layer.found.test.p, []
    kept = [i for i, one in enumerate(layer.read) if one.prompt.role == "select"]
    read = [layer.read[i] for i in kept] or list(layer.read)
    codes = layer.codes.at(_tokens(layer.read, {one.prompt.id for one in read}, "whole"))
    for rank, feature in enumerate(target.features, start=1):
        i = place.get(Feature(target.layer, feature))
        found = inject(
            layer.warm.model, layer.ablation.dictionary, feature, codes, read, layer.study.at
        )
        rows.append(
            {**target.place, "rank": rank, "feature": feature,
             "mean": 0.0 if i is None else float(layer.found.mean[i]),
             "p_max_t": 1.0 if i is None else float(p[i]), **found.row(layer.warm.model)}
        )  # fmt: skip
    return rows


def _silent(layer: Layer) -> list[Audit]:
    """A feature that never fires, ablated: the largest change of a log-probability."""
    fires = np.zeros(layer.d_dict, dtype=bool)
    fires[layer.codes.indices] = True
    if fires.all():
        return []
    feature = int(np.flatnonzero(~fires)[0])
    rows = layer.rows([one.prompt for one in layer.read[:_AUDITED]])
    at_end = replace(layer, ablation=replace(layer.ablation, mode="zero", positions="last"))
    without = at_end.without((feature,), rows)
    plain = score(layer.warm.model, rows, layer.study.max_rows).numpy()
    worst = float(np.abs(without - plain).max())
    return [Audit("change of log p without a feature that never fires", worst, 0.0)]


def _tokens(read: Sequence[Reading], ids: set[str], positions: str) -> np.ndarray:
    """Places of tokens among all tokens: every one ("whole"), all but BOS, or the prompts' last."""
    found: list[int] = []
    start = 0
    for one in read:
        if one.prompt.id in ids:
            inside = range(int(positions == "all" and one.bos), len(one.ids))
            kept = [one.n_prompt - 1] if positions == "last" else inside
            found += [start + at for at in kept]
        start += len(one.ids)
    return np.array(found, dtype=np.int64)
