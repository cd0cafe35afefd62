"""One problem's greedy solution and its forks, as rows of tables."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import microtome as mt
from microtome.data.graders import Grade, Grader
from microtome.data.problems import Problem
from microtome.errors import StrideError
from microtome.methods.branching import Baseline, Fork, branch_points, fork, greedy
from microtome.model.tolerance import tolerance
from microtome.studies.sampling.choosing import choosing_steps
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.drawing import seed_of
from microtome.studies.sampling.problems import method_of

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
SHOWN = 32
"""Characters of the text before a fork that tables show."""


@dataclass(frozen=True, eq=False)
class Branched:
    """A problem, its greedy solution and its forks.

    `known` where the specimen tells the method; `grader` is None where nothing is graded.
    """

    problem: Problem
    baseline: Baseline
    forks: tuple[Fork, ...]
    grader: Grader | None
    known: bool

    def text(self, ids: "tuple[int, ...]") -> str:
        """Ids as text."""
        return str(self.baseline.model.tokenizer.decode(list(ids)))

    def grade(self, text: str) -> Grade:
        """What a solution answers, and whether that is right."""
        if self.grader is None:
            return Grade(None, False)
        return self.grader.grade(text, self.problem.answer)

    def choosing(self) -> tuple[int, ...]:
        """Steps of the solution whose token chooses its method."""
        tokens = [self.text((i,)) for i in self.baseline.ids]
        return choosing_steps(tokens, self.problem) if self.known else ()

    def method(self, text: str) -> str | None:
        """The method of a solution, where methods are known."""
        return method_of(text, self.problem) if self.known else None

    def solution(self) -> dict[str, Any]:
        """The row of the greedy solution."""
        base, text = self.baseline, self.text(self.baseline.ids)
        grade = self.grade(text)
        return {
            "problem": self.problem.id,
            "text": text,
            "answer": grade.answer,
            "correct": grade.correct if self.grader else None,
            "method": self.method(text),
            "choosing_steps": joined(self.choosing()) if self.known else None,
            "finished": base.finished,
            "n_prompt": len(base.prompt_ids),
            "n_tokens": len(base.ids),
            "prompt_ids": joined(base.prompt_ids),
            "ids": joined(base.ids),
        }

    def points(self, ahead: int) -> Rows:
        """One row per fork, with probabilities over `ahead` tokens too."""
        chosen = set(self.choosing())
        own = self.solution()
        return [self._point(one, ahead, chosen, own) for one in self.forks]

    def _point(
        self, one: Fork, ahead: int, chosen: set[int], own: dict[str, Any]
    ) -> dict[str, Any]:
        ids, (first, second) = self.baseline.ids, one.choice.ids
        whole = self.text((*ids[: one.step], *one.branch))
        grade, method = self.grade(whole), self.method(whole)
        stays = [c.probabilities[0] for c in self.baseline.choices[one.step : one.step + ahead]]
        return {
            "problem": self.problem.id,
            "t": one.step,
            "before": self.text(ids[: one.step])[-SHOWN:],
            "top1_id": first,
            "top1_text": self.text((first,)),
            "top2_id": second,
            "top2_text": self.text((second,)),
            "logit1": one.choice.logits[0],
            "logit2": one.choice.logits[1],
            "logit_difference": one.choice.logit_difference,
            "p1": one.choice.probabilities[0],
            "p2": one.choice.probabilities[1],
            "p1_ahead": math.prod(stays),
            "p2_ahead": one.choice.probabilities[1] * math.exp(sum(one.log_probs[1:ahead])),
            "entropy": one.choice.entropy,
            "divergence": one.scaled,
            "relative": one.relative,
            "spread": one.spread,
            "rejoin_step": None if one.rejoined is None else one.rejoined.step,
            "rejoin_offset": None if one.rejoined is None else one.rejoined.offset,
            "finished": one.finished,
            "answer": grade.answer,
            "correct": grade.correct if self.grader else None,
            "outcome_change": self._changed(own["answer"], grade.answer, one.finished),
            "method": method,
            "other_method": None if None in (method, own["method"]) else method != own["method"],
            "chooses_method": one.step in chosen if self.known else None,
            "branch_text": self.text(one.branch),
            "branch_ids": joined(one.branch),
        }

    def _changed(self, before: str | None, after: str | None, finished: bool) -> bool | None:
        """Whether the answer is another or gone; None where a text was cut off before one.

        The last number of a text that was cut off is just how far it came.
        """
        if self.grader is None or before is None or (after is None and not finished):
            return None
        if self.grader.name == "number" and not (finished and self.baseline.finished):
            return None
        return after is None or not self.grader.same(after, before)

    def tokens(self) -> Rows:
        """One row per token of the greedy solution: its text, p and the entropy it was drawn at."""
        base = self.baseline
        return [
            {
                "problem": self.problem.id, "t": t, "id": token, "text": self.text((token,)),
                "p1": choice.probabilities[0], "entropy": choice.entropy,
            }
            for t, (token, choice) in enumerate(zip(base.ids, base.choices, strict=True))
        ]  # fmt: skip

    def layers(self) -> Rows:
        """One row per fork and layer: D(t), the size of the states, and the noise."""
        return [
            {
                "problem": self.problem.id,
                "t": one.step,
                "layer": site.layer,
                "D": float(one.divergence[at]),
                "size": float(one.size[at]),
                "noise": None if one.noise is None else float(one.noise[at]),
            }
            for one in self.forks
            if one.divergence is not None
            for at, site in enumerate(self.baseline.sites)
        ]

    def audits(self, study: Configuration) -> list["mt.Audit"]:
        """The greedy token forced changes nothing; no difference is negative; greedy is top 1."""
        base = self.baseline
        points = sorted({one.step for one in self.forks[:: max(1, len(self.forks) // 2)]})
        same = fork(base, points, tokens=[base.ids[t] for t in points], finish=False)
        moved = [one.scaled for one in same if one.scaled is not None]
        least = min((one.choice.logit_difference for one in self.forks), default=0.0)
        odd = sum(c.ids[0] != i for c, i in zip(base.choices, base.ids, strict=True))
        bound = tolerance(base.states.dtype, least=1e-4)
        return [
            mt.Audit("forcing the greedy token: D / size", max(moved, default=0.0), bound),
            mt.Audit("smallest logit top 1 − top 2", least, 0.0, ">="),
            mt.Audit(
                "steps whose greedy token is not top 1 of a whole pass", float(odd), 0.0,
                note="equal logits, told apart by rounding",
            ),
        ]  # fmt: skip


def branched(
    model: "mt.Model",
    problem: Problem,
    prompt: str,
    study: Configuration,
    grader: Grader | None,
    known: bool,
) -> Branched:
    """Solve a problem greedily and branch where the configuration says."""
    base = greedy(
        model, prompt, layers=study.layers, stride=study.stride_of("sensitivity"),
        span=study.branch_tokens, limit=study.max_new_tokens, chat=study.chat,
    )  # fmt: skip
    if len(base.ids) < base.stride:
        raise StrideError(
            f"The greedy solution of {problem.id} has {len(base.ids)} tokens, of which a stride of "
            f"{base.stride} takes none; use a sensitivity_stride of at most {len(base.ids)}."
        )
    points = branch_points(base, study.interval, study.fork_at, study.min_entropy)
    found = fork(
        base, points, finish=study.finish_branches, continuations=study.continuations,
        seed=seed_of(study, problem), batch=study.max_rows,
    )  # fmt: skip
    return Branched(problem, base, tuple(found), grader, known)


def joined(ids: "tuple[int, ...]") -> str:
    """Ids as one cell of a table."""
    return " ".join(map(str, ids))


def split(cell: str) -> list[int]:
    """The ids in a cell."""
    return [int(part) for part in str(cell).split()]


def records(frame: "pd.DataFrame") -> Rows:
    """The rows of a table as dictionaries."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]
