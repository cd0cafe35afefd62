"""What each model chooses: P(cooperate), P(defect) and P(neither) where the two answers part.

Both answers are tokenised together with the prompt, their common tokens are forced, and the next
token's distribution is read; the probability of the common tokens stands beside it. A state is
the pair of last moves, own first.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import microtome as mt
from microtome.data.games import STATE_NAMES
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import prompt_cost
from microtome.studies.dilemmas.evidence import (
    bounds,
    difference_of,
    groups,
    mean_of,
    over_wordings,
    present,
    said,
)
from microtome.studies.dilemmas.figures.behaviour import behaviour_figures
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
from microtome.studies.dilemmas.players import BASE
from microtome.studies.dilemmas.wordings import prompts_of

if TYPE_CHECKING:
    import pandas as pd


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
                for finding in _findings(frame, name, study)
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


def by_state(frame: "pd.DataFrame", study: Configuration) -> list[dict[str, Any]]:
    """P(defect | state) per model, its interval over the wordings of that state."""
    found = []
    compared = present(frame, study)
    for (name, state), part in groups(frame, "model", "state"):
        defect = over_wordings(part["p_defect"].tolist(), study)
        either = part["p_defect"] + part["p_cooperate"]
        found.append(
            {
                "model": name,
                "label": compared[name].label,
                "state": state,
                "p_defect": defect.value,
                # A probability's interval ends where probabilities end.
                "low": None if defect.low is None else max(0.0, defect.low),
                "high": None if defect.high is None else min(1.0, defect.high),
                "p_cooperate": float(part["p_cooperate"].mean()),
                "p_neither": float(part["p_neither"].mean()),
                "p_defect_of_both": float((part["p_defect"] / either).mean()),
                "p_common_prefix": float(part["p_common_prefix"].mean()),
                "n": len(part),
            }
        )
    return found


def _findings(frame: "pd.DataFrame", name: str, study: Configuration) -> list[Finding]:
    label = present(frame, study)[name].label
    own = frame[frame["model"] == name]
    states = ", ".join(
        f"{part['p_defect'].mean():.2f} after {state}"
        for state, part in own.groupby("state", sort=False)
    )
    mean = mean_of(own, "p_defect", study)
    first = Finding(
        f"{label} defects with probability {states}; mean {mean.value:.2f} "
        f"({said(mean, study)}).",
        mean.value, **bounds(mean), unit="P(defect)", n=mean.n,
    )  # fmt: skip
    return [first, *_conditional(own, label, study), *_against_base(frame, own, name, study)]


def _conditional(own: "pd.DataFrame", label: str, study: Configuration) -> list[Finding]:
    """Does the choice hang on what the opponent did last?"""
    theirs = own["state"].where(own["state"].isin(STATE_NAMES)).str[1]
    after_c, after_d = (own["p_defect"][theirs == move].tolist() for move in "CD")
    if len(after_c) == 0 or len(after_d) == 0:
        return []
    change, low, high = difference_of(after_d, after_c, study)
    more = "more" if change > 0 else "less"
    return [
        Finding(
            f"{label} defects {more} after the opponent defected than after it cooperated, by "
            f"{abs(change):.2f} in probability.",
            change, low, high, unit="P(D | opponent defected) − P(D | opponent cooperated)",
            n=len(after_c) + len(after_d), control="wordings in which the opponent cooperated",
        )
    ]  # fmt: skip


def _against_base(
    frame: "pd.DataFrame", own: "pd.DataFrame", name: str, study: Configuration
) -> list[Finding]:
    label = present(frame, study)[name].label
    if name == BASE or BASE not in present(frame, study):
        return []
    keys = ["scenario", "variant"]
    both = own.merge(frame[frame["model"] == BASE], on=keys, suffixes=("", "_base"))
    gap = both.assign(change=both["p_defect"] - both["p_defect_base"])
    change = mean_of(gap, "change", study)
    less = "more" if change.value > 0 else "less"
    return [
        Finding(
            f"{label} defects {less} than Base on the same prompts, by {abs(change.value):.2f} "
            f"in probability ({said(change, study)}).",
            change.value, **bounds(change), unit="P(defect) − Base", n=change.n,
            control="Base on the same prompts",
        )
    ]  # fmt: skip
