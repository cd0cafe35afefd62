"""What each model chooses: P(cooperate), P(defect) and P(neither) where the two answers part.

Both answers are tokenised together with the prompt, their common tokens are forced, and the next
token's distribution is read; the probability of the common tokens stands beside it. A state is
the pair of last moves, own first.
"""

import math
from collections.abc import Sequence
from typing import Any

import microtome as mt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.dilemmas.choices import by_state, findings_of
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import prompt_cost
from microtome.studies.dilemmas.figures.behaviour import behaviour_figures
from microtome.studies.dilemmas.frames import present
from microtome.studies.dilemmas.models import (
    ANSWERS,
    Batch,
    batches,
    model_in,
    model_units,
    place,
    prompts_in,
    rows,
)
from microtome.studies.dilemmas.wordings import prompts_of


class Behaviour(Step):
    """Choices of every model on every prompt."""

    name = "behaviour"
    version = 1
    summary = "Which action each model takes after each pair of last moves."
    reads = ("first", "second", "chat", "max_rows")

    def units(self, study: Configuration) -> list[Unit]:
        return model_units(study)

    def cost(self, study: Configuration) -> Cost:
        return prompt_cost(study, passes=1, bytes_per_prompt=300)

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        model = model_in(unit, warm)
        found = [
            {"model": unit.inputs["model"], **row}
            for batch in batches(model, prompts_in(unit), study)
            for row in _choices(model, batch)
        ]
        return Product({"behaviour": found})

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        frame = tables["behaviour"]
        return Conclusion(
            findings=[
                finding
                for name in present(frame, study)
                for finding in findings_of(frame, name, study)
            ],
            tables={"behaviour_by_state": by_state(frame, study)},
            data={"ipd_eval_prompts": [row for p in prompts_of(study).values() for row in rows(p)]},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return behaviour_figures(study, tables)


def _choices(model: "mt.Model", batch: Batch) -> list[dict[str, Any]]:
    run = model.run(batch.ids, read=mt.resid_post[-1], logits="last")
    found = []
    for i, (prompt, answers) in enumerate(zip(batch.prompts, batch.answers, strict=True)):
        row = run.final_logits[i]
        cooperate, defect, neither = answers.probabilities(row)
        delta = float(row[answers.second].double() - row[answers.first].double())
        found.append(
            {
                **place(prompt),
                "p_cooperate": cooperate,
                "p_defect": defect,
                "p_neither": neither,
                "p_common_prefix": _common_prefix(run, i, answers),
                "delta": delta,
                "action": ANSWERS[delta > 0],
            }
        )
    return found


def _common_prefix(run: "mt.Run", row: int, answers: "mt.Answers") -> float:
    """P(common answer tokens | prompt), unembedding only the positions that predict them."""
    start = int(run.tokens.first[row])
    due = range(answers.n_prompt, len(answers.ids))
    if not due:
        return 1.0
    states = run[mt.resid_post[-1]][row, [start + i - 1 for i in due]]
    log_p = run.model.unembed(states).double().log_softmax(-1)
    return math.exp(sum(float(log_p[k, answers.ids[i]]) for k, i in enumerate(due)))
