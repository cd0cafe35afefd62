"""What the model says: a greedy continuation of every prompt, and log p of both answers.

`results.jsonl` holds, per prompt, the generated token ids, the largest logits at each of them, the
text, and log p of the right and of the misconception's answer. Whether the model tells the two
voices apart at all is the condition of everything that follows.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.statistics import share
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.costs import pass_cost
from microtome.studies.misconceptions.figures.prompts import prompt_figures
from microtome.studies.misconceptions.pairs import Prompt, of_rows
from microtome.studies.misconceptions.scoring import greedy, rows_of, score
from microtome.studies.misconceptions.units import pair_units
from microtome.studies.misconceptions.warm import Warm

if TYPE_CHECKING:
    import pandas as pd


class Prompts(Step):
    """Greedy answers and the log-probabilities of both answers."""

    name = "prompts"
    version = 1
    summary = "What the model answers to each prompt, and how probable both answers are."
    reads = ("max_new_tokens", "topk_logits", "max_rows")

    def units(self, study: Configuration) -> list[Unit]:
        return pair_units(study)

    def cost(self, study: Configuration) -> Cost:
        return pass_cost(study, passes=study.max_new_tokens + 1, bytes_per_prompt=4000)

    def compute(self, unit: Unit, warm: Warm, study: Configuration) -> Product:
        listed: Any = unit.inputs["prompts"]
        prompts = [p for pair in of_rows(listed) for p in pair.members]
        scores = score(warm.model, rows_of(warm.model, prompts), study.max_rows).numpy()
        greedily = greedy(
            warm.model, [p.prompt for p in prompts], study.max_new_tokens, study.topk_logits,
            study.max_rows,
        )  # fmt: skip
        rows = [
            _row(prompt, own, warm.model.tokenizer.decode(said.tokens), len(said.tokens))
            for prompt, own, said in zip(prompts, scores, greedily, strict=True)
        ]
        arrays = {
            "topk_ids": np.concatenate([said.top_ids.numpy() for said in greedily]),
            "topk_logits": np.concatenate([said.top_logits.numpy() for said in greedily]),
        }
        return Product({"prompts": rows}, arrays)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        frame = tables["prompts"]
        return Conclusion(
            findings=[_followed(frame, study)],
            data={"results.jsonl": _lines(frame, arrays)},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return prompt_figures(study, tables)


def _row(prompt: Prompt, scores: np.ndarray, answer: str, generated: int) -> dict[str, Any]:
    correct, misconception = map(float, scores)
    return {
        "id": prompt.id, "pair_id": prompt.pair_id, "label": prompt.label,
        "domain": prompt.domain, "role": prompt.role, "prompt": prompt.prompt,
        "expected_correct_answer": prompt.correct, "misconception_answer": prompt.misconception,
        "decoded_answer": answer, "answered": _answered(answer, prompt),
        "log_p_correct": correct, "log_p_misconception": misconception,
        "difference": correct - misconception, "generated": generated,
    }  # fmt: skip


def _answered(text: str, prompt: Prompt) -> str:
    """Which of the two answers the continuation begins with."""
    begun = text.strip()
    starts = {
        "correct": begun.startswith(prompt.correct.strip()),
        "misconception": begun.startswith(prompt.misconception.strip()),
    }
    named = [name for name, there in starts.items() if there]
    return named[0] if len(named) == 1 else "neither"


def _lines(frame: "pd.DataFrame", arrays: Arrays) -> list[dict[str, Any]]:
    """One line per prompt, in the order of the table."""
    ids = np.concatenate(list(arrays["topk_ids"].values()))
    logits = np.concatenate(list(arrays["topk_logits"].values()))
    lines, start = [], 0
    for row in frame.to_dict("records"):
        stop = start + int(row.pop("generated"))
        row["tokens"] = ids[start:stop, 0].tolist()
        row["logits_topk"] = [
            {"token_ids": i.tolist(), "logits": v.tolist()}
            for i, v in zip(ids[start:stop], logits[start:stop], strict=True)
        ]
        lines.append({str(k): v for k, v in row.items()})
        start = stop
    return lines


LEAST_SHARE = 0.1
"""Smallest effect of interest: a share of prompts beyond one half."""


def _followed(frame: "pd.DataFrame", study: Configuration) -> Finding:
    """How often the more probable answer is the one of the prompt's label."""
    sign = np.where(frame["label"] == "correct", 1.0, -1.0)
    follows = frame["difference"].to_numpy(float) * sign > 0
    right = (frame["difference"] > 0).mean()
    followed = share(follows, list(frame["pair_id"]), study.at, null=0.5)
    neither = (frame["answered"] == "neither").mean()
    on = f"on {followed.value:.0%} of prompts"
    evidence = Evidence(
        followed.value, followed.low, followed.high, "share of prompts", followed.n,
        control="0.5 if the prompt did not tell the two apart",
        detail=f"The right answer is the more probable one on {right:.0%}; {neither:.0%} of the "
        f"continuations begin with neither.",
    )  # fmt: skip
    claim = Claim(
        p=followed.p, least=LEAST_SHARE, null=0.5, side=1,
        above=f"The more probable answer is the one that goes with the prompt's label {on}.",
        false_in="labels exchanged at random within pairs",
    )  # fmt: skip
    text = f"Whether the more probable answer goes with the prompt's label is not shown: {on}."
    return Finding(text, evidence, "answers by label", "answers", claim)
