"""How far a model's own solutions lie from an oracle's.

z* is this model's latent of the oracle's text, teacher-forced after the prompt and pooled as the
completions are. Distances are raw, over √mean|z|², and as a percentile of the distances among the
problem's own completions: 0.5 means that the oracle is as far as another completion is.
Control: the oracle's text of another problem behind this prompt, which must be farther.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

import microtome as mt
from microtome.data.problems import Problem
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.methods import latents
from microtome.model.sampling import Pooling, teacher_forced
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.costs import generation_cost, reading_cost, total
from microtome.studies.sampling.distance import by_layer
from microtome.studies.sampling.distance_found import manifold_findings
from microtome.studies.sampling.drawing import drawn, layers_of, pooled_rows, pooling_of
from microtome.studies.sampling.figures.distance import manifold_figures
from microtome.studies.sampling.oracle import demand_tokens, oracle_ids, oracle_text
from microtome.studies.sampling.problem_set import (
    grader_of,
    problem_in,
    problem_units,
    problems_of,
    prompt_of,
)

Rows = list[dict[str, Any]]
ORACLE_FIELDS = (
    "template", "chat", "grader", "grader_pattern", "samples", "max_new_tokens", "layers", "stride",
    "manifold_stride", "manifold_temperature", "max_rows", "oracle_file", "oracle_model",
    "oracle_url", "seed",
)  # fmt: skip
_QUANTILES = np.linspace(0, 1, 21)


class Manifold(Step):
    """Distance of completions to the oracle."""

    name = "manifold"
    version = 3
    summary = "How far completions lie from an oracle's solution."
    reads = ORACLE_FIELDS

    def units(self, study: Configuration) -> list[Unit]:
        return oracle_units(study)

    def cost(self, study: Configuration) -> Cost:
        steps = study.max_new_tokens
        rows = len(problems_of(study)) * study.samples * max(1, len(study.layers))
        return total(
            generation_cost(study, rows=study.samples, steps=steps),
            reading_cost(study, texts=2, tokens=steps),
            bytes=120 * rows,
        )

    def compute(self, unit: Unit, warm: "mt.Model", study: Configuration) -> Product:
        problem, other = problem_in(unit), problem_in(unit, "other")
        longest = study.max_new_tokens
        pooling = pooling_of(study, "manifold", [longest])
        samples = drawn(
            warm, problem, study, pooling, n=study.samples,
            temperature=study.manifold_temperature, longest=longest,
        )  # fmt: skip
        text = oracle_text(problem, study)
        targets = oracle_latents(
            warm, problem, [text, oracle_text(other, study)], study, pooling, longest
        )
        kept = pooled_rows(samples, longest) or list(range(len(samples)))
        z = samples.latents(longest, kept).double().cpu().numpy()
        grade = grader_of(study).grade
        labels = [
            {
                "sample": i, "tokens": samples.lengths[i],
                "correct": grade(samples.text(i), problem.answer).correct,
            }
            for i in kept
        ]  # fmt: skip
        rows, reference = _distances(z, targets, layers_of(warm, study), labels)
        place = {"problem": problem.id}
        return Product(
            {
                "manifold": [{**place, **row} for row in rows],
                "manifold_reference": [{**place, **row} for row in reference],
                "oracles": [{**place, "text": text, "other": other.id}],
            }
        )

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        layers = by_layer(tables["manifold"], study)
        return Conclusion(
            findings=manifold_findings(layers, tables, study),
            tables={"manifold_by_layer": layers},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return manifold_figures(study, tables)


def oracle_units(study: Configuration) -> list[Unit]:
    """One unit per problem, with the next problem, whose oracle is the control."""
    problems = problems_of(study)
    return [
        Unit(unit.name, {**unit.inputs, "other": asdict(problems[(i + 1) % len(problems)])})
        for i, unit in enumerate(problem_units(study))
    ]


def oracle_latents(
    model: "mt.Model",
    problem: Problem,
    texts: Sequence[str],
    study: Configuration,
    pooling: Pooling,
    checkpoint: int,
) -> "np.ndarray":
    """z* "text layer d" of texts behind the problem's prompt; StrideError for one too short."""
    own = model.tokenize(prompt_of(problem, study), chat=study.chat).ids[0].tolist()
    ids = [oracle_ids(model, problem, text, study) for text in texts]
    for one in ids:
        demand_tokens(len(one), pooling.stride, problem, "An oracle's text for the prompt")
    read = teacher_forced(model, own, ids, pooling, batch=1)
    found: np.ndarray = read.latents(checkpoint).double().cpu().numpy().swapaxes(0, 1)
    return found


def _distances(
    z: "np.ndarray", targets: "np.ndarray", layers: list[int], labels: Rows
) -> tuple[Rows, Rows]:
    """Rows per layer and completion, and quantiles of the distances among completions."""
    away, control = (latents.distances(z, target) for target in targets)
    size, among = latents.scale(z), latents.pair_distances(z)
    ranks = (latents.percentiles(a, among) for a in (away, control)) if len(labels) > 1 else None
    own, other = ranks if ranks else (np.full_like(away, 0.5), np.full_like(away, 0.5))
    rows = [
        {
            "layer": layer,
            **label,
            "distance": away[k, i],
            "relative": away[k, i] / size[k],
            "percentile": own[k, i],
            "distance_control": control[k, i],
            "relative_control": control[k, i] / size[k],
            "percentile_control": other[k, i],
        }
        for k, layer in enumerate(layers)
        for i, label in enumerate(labels)
    ]
    reference = [
        {"layer": layer, "quantile": q, "relative": np.quantile(among[k], q) / size[k]}
        for k, layer in enumerate(layers)
        if among.shape[1]
        for q in _QUANTILES
    ]
    return rows, reference
