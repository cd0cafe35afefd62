"""How far the model drifts from the oracle although its beginning is the oracle's.

The first P of the oracle's tokens are forced; what the model then writes is compared with what the
oracle went on to write, both pooled from the fork on. Completions of step `manifold` are compared
over the very same tokens of theirs, so the pair differs in the prefix alone. The original's
distance, of the forced continuation to the whole oracle, stands beside it.
Control: as many tokens of another problem's oracle forced, which must not bring it closer (its
first P where these would be most of it).
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import microtome as mt
from microtome.data.problems import Problem
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.methods import latents
from microtome.model.sampling import Pooling, Samples, teacher_forced
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.costs import generation_cost, reading_cost, total
from microtome.studies.sampling.distance import drift_by_layer
from microtome.studies.sampling.distance_found import drift_findings
from microtome.studies.sampling.drawing import drawn, layers_of, pooled_rows, pooling_of
from microtome.studies.sampling.figures.distance import drift_figures
from microtome.studies.sampling.manifold import ORACLE_FIELDS, oracle_latents, oracle_units
from microtome.studies.sampling.oracle import demand_tokens, oracle_ids, oracle_text
from microtome.studies.sampling.problem_set import grader_of, problem_in, problems_of, prompt_of

Rows = list[dict[str, Any]]


class Drift(Step):
    """Distance to the oracle after its beginning was forced."""

    name = "drift"
    version = 4
    summary = "How far completions drift from an oracle whose first tokens are forced."
    reads = (*ORACLE_FIELDS, "oracle_percentage")

    def units(self, study: Configuration) -> list[Unit]:
        return oracle_units(study)

    def cost(self, study: Configuration) -> Cost:
        steps = study.max_new_tokens
        rows = len(problems_of(study)) * study.samples * max(1, len(study.layers))
        return total(
            generation_cost(study, rows=study.samples, steps=steps, rounds=3),
            reading_cost(study, texts=2 + study.samples, tokens=steps),
            bytes=300 * rows,
        )

    def compute(self, unit: Unit, warm: "mt.Model", study: Configuration) -> Product:
        problem, other = problem_in(unit), problem_in(unit, "other")
        work = _Drifting(warm, problem, study)
        ids = oracle_ids(warm, problem, oracle_text(problem, study), study)
        cut = math.ceil(study.oracle_percentage * len(ids))
        theirs = oracle_ids(warm, problem, oracle_text(other, study), study)
        most = cut if 2 * cut <= len(theirs) else math.ceil(study.oracle_percentage * len(theirs))
        wrong = theirs[: min(cut, most)]
        rest, whole = work.after(ids[:cut], ids[cut:]), work.whole()
        arms = {
            "forced": (cut, *work.drawn(ids[:cut])),
            "unforced": (cut, *work.unforced(cut)),
            "control": (len(wrong), *work.drawn(wrong)),
        }
        rows = [
            {"problem": problem.id, "arm": arm, "prefix": prefix, **row}
            for arm, (prefix, z, labels) in arms.items()
            for row in _distances(z, rest, whole, layers_of(warm, study), labels)
        ]
        return Product({"drift": rows})

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        layers = drift_by_layer(tables["drift"], study)
        return Conclusion(
            findings=drift_findings(layers, tables, study), tables={"drift_by_layer": layers}
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return drift_figures(study, tables)


class _Drifting:
    """One problem: its completions behind several prefixes, pooled from the prefix on."""

    def __init__(self, model: "mt.Model", problem: Problem, study: Configuration) -> None:
        self.model, self.problem, self.study = model, problem, study
        self.longest = study.max_new_tokens
        self.pooling: Pooling = pooling_of(study, "manifold", [self.longest])
        prompt = prompt_of(problem, study)
        self.prompt: list[int] = model.tokenize(prompt, chat=study.chat).ids[0].tolist()

    def whole(self) -> "np.ndarray":
        """z* of the whole oracle, "layer d"."""
        text = oracle_text(self.problem, self.study)
        found: np.ndarray = oracle_latents(
            self.model, self.problem, [text], self.study, self.pooling, self.longest
        )[0]
        return found

    def after(self, prefix: Sequence[int], rest: Sequence[int]) -> "np.ndarray":
        """z "layer d" of given tokens behind prompt and prefix; StrideError for too few."""
        what = "The oracle, its beginning forced,"
        demand_tokens(len(rest), self.pooling.stride, self.problem, what)
        whole = [*self.prompt, *prefix]
        read = teacher_forced(self.model, whole, [list(rest)], self.pooling, batch=1)
        z: np.ndarray = read.latents(self.longest)[:, 0].double().cpu().numpy()
        return z

    def drawn(self, prefix: Sequence[int]) -> "tuple[np.ndarray, Rows]":
        """Completions behind the prefix: latents "layer n d", and what is known of each."""
        samples, longest = self._sampled(prefix), self.longest - len(prefix)
        # Where none is long enough, asking for all says so.
        kept = pooled_rows(samples, longest) or list(range(len(samples)))
        text = [self._text([*prefix, *samples.completions[i]]) for i in kept]
        return _latents(samples, longest, kept), self._labels(kept, text)

    def unforced(self, cut: int) -> "tuple[np.ndarray, Rows]":
        """Free completions, pooled from their own token `cut` on."""
        samples = self._sampled(())
        long = [len(ids) - cut >= self.pooling.stride for ids in samples.completions]
        kept = [i for i, enough in enumerate(long) if enough]
        chosen = [samples.completions[i] for i in kept]
        read = {ids: self.after(ids[:cut], ids[cut:]) for ids in dict.fromkeys(chosen)}
        if not kept:
            rest = max(samples.lengths) - cut
            what = "The longest completion, its first tokens left out,"
            demand_tokens(max(rest, 0), self.pooling.stride, self.problem, what)
        states = np.stack([read[ids] for ids in chosen], 1)
        return states, self._labels(kept, [samples.text(i) for i in kept])

    def _sampled(self, prefix: Sequence[int]) -> Samples:
        """As long as a free completion, the prefix included."""
        longest = self.longest - len(prefix)
        return drawn(
            self.model, self.problem, self.study, pooling_of(self.study, "manifold", [longest]),
            n=self.study.samples, temperature=self.study.manifold_temperature, longest=longest,
            forced=prefix,
        )  # fmt: skip

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.model.tokenizer.decode(list(ids)))

    def _labels(self, kept: list[int], texts: list[str]) -> Rows:
        grade = grader_of(self.study).grade
        return [
            {"sample": i, "correct": grade(text, self.problem.answer).correct}
            for i, text in zip(kept, texts, strict=True)
        ]


def _latents(samples: Samples, checkpoint: int, kept: list[int]) -> "np.ndarray":
    z: np.ndarray = samples.latents(checkpoint, kept).double().cpu().numpy()
    return z


def _distances(
    z: "np.ndarray", rest: "np.ndarray", whole: "np.ndarray", layers: list[int], labels: Rows
) -> Rows:
    """Rows per layer and completion: to the oracle's rest, and to the whole as the original."""
    size = np.linalg.norm(rest, axis=-1)
    near, far = latents.distances(z, rest), latents.distances(z, whole)
    return [
        {
            "layer": layer,
            **label,
            "distance": near[k, i],
            "relative": near[k, i] / size[k],
            "distance_to_whole": far[k, i],
        }
        for k, layer in enumerate(layers)
        for i, label in enumerate(labels)
    ]
