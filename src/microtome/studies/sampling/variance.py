"""How far completions of one problem spread: by temperature, layer and length.

tr Cov of the latents as the original has it, and the split-half version that pooling few tokens
does not inflate (`microtome.methods.latents`). Only completions that have reached a checkpoint
count there. Control: halves of different completions, whose covariance must vanish.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import microtome as mt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.methods import latents
from microtome.model.sampling import Samples
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.costs import generation_cost, total
from microtome.studies.sampling.drawing import drawn, layers_of, pooling_of
from microtome.studies.sampling.figures.variance import variance_figures
from microtome.studies.sampling.problem_set import grader_of, problem_in, problem_units, problems_of
from microtome.studies.sampling.spread import settings_table
from microtome.studies.sampling.spread_found import variance_findings

Rows = list[dict[str, Any]]
FEWEST = 4
"""Completions below which a variance has no interval worth the name."""
_SINGLE = "deterministic: one greedy completion has no variance"


class Variance(Step):
    """Spread of completions at every temperature."""

    name = "variance"
    version = 5
    summary = "How far temperature spreads the states of completions, by layer and length."
    reads = (
        "template", "chat", "grader", "grader_pattern", "samples", "checkpoints", "max_new_tokens",
        "layers", "stride", "variance_stride", "max_rows", "level", "resamples", "seed",
    )  # fmt: skip

    def units(self, study: Configuration) -> list[Unit]:
        return [
            Unit(f"{unit.name} T={temperature:g}", {**unit.inputs, "temperature": temperature})
            for temperature in dict.fromkeys(study.temperatures)
            for unit in problem_units(study)
        ]

    def cost(self, study: Configuration) -> Cost:
        warm = [t for t in dict.fromkeys(study.temperatures) if t > 0]
        steps = study.max_new_tokens
        hot = generation_cost(study, rows=study.samples, steps=steps, rounds=len(warm))
        cold = generation_cost(study, rows=1, steps=steps, rounds=0.0 in study.temperatures)
        rows = len(problems_of(study)) * len(study.temperatures) * study.samples
        return total(hot, cold, bytes=400 * rows)

    def compute(self, unit: Unit, warm: "mt.Model", study: Configuration) -> Product:
        problem, temperature = problem_in(unit), float(str(unit.inputs["temperature"]))
        pooling = pooling_of(study, "variance", study.checkpoints)
        samples = drawn(
            warm, problem, study, pooling, n=study.samples, temperature=temperature,
            longest=study.max_new_tokens,
        )  # fmt: skip
        place = {"problem": problem.id, "temperature": temperature}
        layers, grade = layers_of(warm, study), grader_of(study).grade
        rows, means = _spreads(samples, layers, study)
        texts = [samples.text(i) for i in range(len(samples))]
        completions = [
            {
                **place, "sample": i, "tokens": samples.lengths[i],
                "finished": samples.finished[i], "correct": grade(text, problem.answer).correct,
                "text": text,
            }
            for i, text in enumerate(texts)
        ]  # fmt: skip
        tables = {"variance": [{**place, **row} for row in rows], "completions": completions}
        return Product(tables, {"variance_means": means})

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        settings = settings_table(tables["variance"], arrays, study)
        return Conclusion(
            findings=variance_findings(settings, tables, study),
            tables={"variance_by_setting": settings},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return variance_figures(study, tables)


def _spreads(
    samples: Samples, layers: list[int], study: Configuration
) -> tuple[Rows, "np.ndarray"]:
    """Rows per checkpoint and layer, and mean latents "checkpoint layer d" (0 where too few)."""
    rows: Rows = []
    means = []
    for checkpoint in sorted(set(study.checkpoints)):
        alive = samples.alive(checkpoint).nonzero().flatten().tolist()
        place = {"checkpoint": checkpoint, "n": len(alive)}
        pooled = checkpoint // study.stride_of("variance")
        z = samples.latents(checkpoint, alive).double().cpu().numpy() if alive else None
        width = samples.pools.sums.shape[-1] if samples.pools else 0
        means.append(np.zeros((len(layers), width)) if z is None else z.mean(1))
        if z is None or len(alive) < FEWEST:
            why = _SINGLE if len(samples) == 1 else f"fewer than {FEWEST} are this long"
            rows += [{**place, "layer": n, "pooled": pooled, "note": why} for n in layers]
            continue
        halves = None
        if pooled >= 2:
            odd, even = samples.halves(checkpoint, alive)
            halves = odd.double().cpu().numpy(), even.double().cpu().numpy()
        rows += [
            {**place, "layer": layer, "pooled": pooled, **row}
            for layer, row in zip(layers, _layer_rows(z, halves, study), strict=True)
        ]
    return rows, np.stack(means).astype(np.float32)


def _layer_rows(
    z: "np.ndarray", halves: "tuple[np.ndarray, np.ndarray] | None", study: Configuration
) -> Rows:
    """The statistics of one checkpoint, one row per layer."""
    total_, size = latents.total_variance(z), latents.scale(z) ** 2
    rank, score = latents.effective_rank(z), latents.eigenscore(z)
    split = None if halves is None else latents.split_half(*halves)
    control = None if halves is None else latents.other_halves(*halves)
    rows = []
    for i in range(len(z)):
        row = {
            **_interval(total_, i, "tr_cov", study),
            "tr_cov_relative": total_.value[i] / size[i],
        }
        if split is not None and control is not None:
            row |= _interval(split, i, "split_half", study)
            row |= {
                "split_half_relative": split.value[i] / size[i],
                "control_relative": control[i] / size[i],
            }
        rows.append({**row, "effective_rank": rank[i], "eigenscore": score[i], "size": size[i]})
    return rows


def _interval(spread: latents.Spread, i: int, name: str, study: Configuration) -> dict[str, Any]:
    found = spread.interval(i, study.at)
    ends = {f"{name}_{what}": getattr(found, what) for what in ("low", "high", "method", "limited")}
    return {name: found.value, **ends}
