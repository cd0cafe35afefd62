"""Are many right solutions many methods? The latents of correct solutions, in groups.

N completions are graded and the right ones clustered in one layer: by K-means with the original's
`n_clusters`, and with K chosen from the data, 1 among the answers, beside which stands the power
to see two; clusters nearer to each other than the error of one pooled latent count as one
(`microtome.methods.clusters`). A judge may rule whether their representatives differ as methods.
Where the method of a solution is known, the clusters are compared with it.
Controls: labels permuted; the solutions of one method alone.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import microtome as mt
from microtome.data.graders import Grade, grade_all, require_read
from microtome.data.problems import Problem
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.methods.clusters import FEWEST
from microtome.methods.clusters_shown import representatives
from microtome.methods.latents import pooling_error
from microtome.model.sampling import Samples
from microtome.studies.sampling.cluster_tables import examples, pass_table
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.costs import generation_cost, total
from microtome.studies.sampling.drawing import drawn, layers_of, pooled_rows, pooling_of
from microtome.studies.sampling.figures.clusters import cluster_figures
from microtome.studies.sampling.grouping import Grouped, grouped
from microtome.studies.sampling.judging import judge_of, rulings
from microtome.studies.sampling.methods_found import cluster_findings
from microtome.studies.sampling.problem_set import (
    grader_of,
    knows_methods,
    problem_in,
    problem_units,
    problems_of,
)
from microtome.studies.sampling.problems import read

Rows = list[dict[str, Any]]


class Clusters(Step):
    """Groups of right solutions."""

    name = "clusters"
    version = 4
    summary = "Whether many right solutions are many methods."
    reads = (
        "template", "chat", "grader", "grader_pattern", "layer", "layers", "stride",
        "cluster_stride", "max_rows", "cluster_samples", "cluster_temperature", "cluster_tokens",
        "n_clusters", "force", "judge_enabled", "judge", "judge_model", "judge_url", "judged",
        "seed",
    )  # fmt: skip

    def units(self, study: Configuration) -> list[Unit]:
        return problem_units(study)

    def cost(self, study: Configuration) -> Cost:
        rows = len(problems_of(study)) * study.cluster_samples
        generated = generation_cost(study, rows=study.cluster_samples, steps=study.cluster_tokens)
        return total(generated, bytes=rows * (200 + 4 * study.cluster_tokens))

    def compute(self, unit: Unit, warm: "mt.Model", study: Configuration) -> Product:
        problem = problem_in(unit)
        samples, grades = _graded(warm, problem, study)
        kept = _clusterable(samples, grades, study)
        rows, counts = _solutions(samples, grades, problem, study), _counts(grades, kept)
        place = {"problem": problem.id}
        if why := _refusal(len(kept), study):
            one = {**place, **counts, "refused": why}
            return Product({"solutions": rows, "clusterings": [one]})
        found = _found(warm, samples, kept, rows, study)
        _note(rows, kept, found)
        judged = _judged(problem, rows, kept, found, study)
        return Product(
            {
                "solutions": rows,
                "clusterings": [{**place, **counts, "refused": None, **found.row()}],
                "cluster_controls": [{**place, **row} for row in found.one_method()],
                "judged": [{**place, **row} for row in judged],
            }
        )

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        passed = pass_table(tables["clusterings"], study)
        return Conclusion(
            findings=cluster_findings(tables, passed, study),
            tables={"pass_at_k": passed, "representatives": examples(tables)},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return cluster_figures(study, tables)


def _graded(
    model: "mt.Model", problem: Problem, study: Configuration
) -> tuple[Samples, tuple[Grade, ...]]:
    pooling = pooling_of(study, "clusters", [study.cluster_tokens])
    samples = drawn(
        model, problem, study, pooling, n=study.cluster_samples,
        temperature=study.cluster_temperature, longest=study.cluster_tokens,
    )  # fmt: skip
    texts = [samples.text(i) for i in range(len(samples))]
    grades = grade_all(grader_of(study), texts, problem.answer)
    if problem == problems_of(study)[0]:
        # The first problem is the touchstone: a grader that reads nothing there reads nothing.
        require_read(grader_of(study), grades, texts)
    return samples, grades


def _counts(grades: tuple[Grade, ...], kept: list[int]) -> dict[str, int]:
    return {
        "n": len(grades),
        "read": sum(grade.answer is not None for grade in grades),
        "correct": sum(grade.correct for grade in grades),
        "clustered": len(kept),
    }


def _refusal(count: int, study: Configuration) -> str | None:
    """Why so few are not clustered, or None."""
    if count >= (study.n_clusters if study.force else FEWEST * study.n_clusters):
        return None
    return f"{count} right solutions are fewer than {FEWEST} x {study.n_clusters}"


def _clusterable(samples: Samples, grades: tuple[Grade, ...], study: Configuration) -> list[int]:
    """Right solutions of two pooled tokens or more; StrideError if the stride leaves none."""
    right = [i for i, grade in enumerate(grades) if grade.correct]
    long = set(pooled_rows(samples, study.cluster_tokens, members=2))
    kept = [i for i in right if i in long]
    if right and not kept:
        samples.halves(study.cluster_tokens, right)
    return kept


def _found(
    model: "mt.Model", samples: Samples, kept: list[int], rows: Rows, study: Configuration
) -> Grouped:
    """The clusterings of the kept solutions in the study's layer."""
    at = study.layer_among(layers_of(model, study))
    z = samples.latents(study.cluster_tokens, kept)[at].double().cpu().numpy()
    odd, even = (h[at].double().cpu().numpy() for h in samples.halves(study.cluster_tokens, kept))
    error = float(pooling_error(odd[None], even[None])[0])
    known = [rows[i]["method"] for i in kept]
    return grouped(z, error, known, study, layers_of(model, study)[at])


def _solutions(
    samples: Samples, grades: tuple[Grade, ...], problem: Problem, study: Configuration
) -> Rows:
    known = knows_methods(study)
    return [
        {
            "problem": problem.id,
            "sample": i,
            "tokens": samples.lengths[i],
            "finished": samples.finished[i],
            "answer": None if study.grader == "none" else grade.answer,
            "correct": grade.correct,
            **_read(samples.text(i), problem if known else None),
            "cluster": None,
            "cluster_kmeans": None,
            "representative": False,
            "x": None,
            "y": None,
            "text": samples.text(i),
        }
        for i, grade in enumerate(grades)
    ]


def _read(text: str, problem: Problem | None) -> dict[str, str | None]:
    """Method and mistakes of a solution, where a parser knows its problem."""
    if problem is None:
        return {"method": None, "mistakes": None}
    found = read(text, problem)
    return {"method": found.method, "mistakes": "; ".join(found.mistakes)}


def _note(rows: Rows, kept: list[int], found: Grouped) -> None:
    """Put clusters and places into the rows of the solutions that were clustered."""
    medoids = {one[0] for one in representatives(found.z, found.chosen)}
    for at, i in enumerate(kept):
        rows[i] |= {
            "cluster": int(found.chosen.labels[at]),
            "cluster_kmeans": int(found.fixed.labels[at]),
            "representative": at in medoids,
            # Equal texts differ by rounding, which would part their points.
            "x": float(f"{found.plane[at, 0]:.4g}"),
            "y": float(f"{found.plane[at, 1]:.4g}"),
        }


def _judged(
    problem: Problem, rows: Rows, kept: list[int], found: Grouped, study: Configuration
) -> Rows:
    """Verdicts on pairs of representatives, and on each medoid with itself as a control."""
    if not study.judge_enabled:
        return []
    one = found.chosen if found.chosen.k > 1 else found.fixed
    chosen = representatives(found.z, one, study.judged, seed=study.seed)
    items = [at for cluster in chosen for at in cluster]
    pairs = [(a, b) for i, a in enumerate(items) for b in items[i + 1 :]]
    pairs += [(cluster[0], cluster[0]) for cluster in chosen]
    texts = [rows[i]["text"].strip() for i in kept]
    return [
        {
            "left": kept[one_.left],
            "right": kept[one_.right],
            "cluster_left": int(one.labels[one_.left]),
            "cluster_right": int(one.labels[one_.right]),
            "kind": _kind(one_.left, one_.right, one.labels),
            "clustering": "chosen" if one is found.chosen else "kmeans",
            "label": one_.label,
            "first_order": one_.orders[0],
            "second_order": one_.orders[1],
            "transcripts": " ".join(one_.transcripts).strip(),
        }
        for one_ in rulings(judge_of(study), problem.problem, texts, pairs)
    ]


def _kind(left: int, right: int, labels: "np.ndarray") -> str:
    if left == right:
        return "itself"
    return "within" if labels[left] == labels[right] else "between"
