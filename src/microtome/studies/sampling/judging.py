"""Who judges whether two solutions are different methods, and its rulings on pairs of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from microtome.data.judge import Endpoint, Judge, LocalModel, RuleJudge, judge_pairs
from microtome.studies.sampling.configuration import Configuration

_EQUATION = re.compile(r"\d+(?:\.\d+)?\s*[-+*/×÷]\s*\d+(?:\.\d+)?\s*=\s*\d+(?:\.\d+)?")
_LONGEST = 2048


@dataclass(frozen=True)
class Ruling:
    """One judged pair of samples: both orders' labels and what they come to."""

    left: int
    right: int
    label: str
    orders: tuple[str, str]
    transcripts: tuple[str, str]


def judge_identity(study: Configuration) -> str:
    """The judge by name."""
    if not study.judge_enabled:
        return "none"
    if study.judge == "endpoint":
        return f"{study.judge_model} at {study.judge_url}"
    return study.judge_model if study.judge == "local" else "rule: equations"


def demand_judge(study: Configuration) -> None:
    """JudgeError where the judge's server cannot be asked, as without a key."""
    if study.judge_enabled and study.judge == "endpoint":
        endpoint_of(study)


def endpoint_of(study: Configuration) -> Endpoint:
    """The judge's server."""
    return Endpoint(study.judge_model, study.judge_url, max_tokens=_LONGEST)


def judge_of(study: Configuration) -> Judge | RuleJudge:
    """The judge; its answers are kept beside the runs, so that nothing is asked twice."""
    if study.judge == "equations":
        return RuleJudge(lambda problem, a, b: equations(a) != equations(b))
    kept = answers(study)
    if study.judge == "endpoint":
        return Judge(endpoint_of(study), concurrency=4, cache=kept)
    return Judge(_local(study.judge_model, study.device, study.dtype), cache=kept)


def answers(study: Configuration) -> Path:
    """The folder of what other models have answered."""
    return study.output_dir / ".answers"


def equations(text: str) -> tuple[str, ...]:
    """The equations of a solution in order: a rule that distinguishes written sums only."""
    return tuple("".join(found.split()) for found in _EQUATION.findall(text))


def rulings(
    judge: Judge | RuleJudge, problem: str, texts: Sequence[str], pairs: Sequence[tuple[int, int]]
) -> list[Ruling]:
    """The judge's rulings on pairs of texts; equal texts are asked about like others."""
    verdicts = judge_pairs(judge, [(problem, texts[i], texts[j]) for i, j in pairs])
    return [
        Ruling(
            i, j, verdict.label, (verdict.orders[0].label, verdict.orders[1].label),
            verdict.transcripts,
        )
        for (i, j), verdict in zip(pairs, verdicts, strict=True)
    ]  # fmt: skip


@lru_cache(maxsize=1)
def _local(name: str, device: str, dtype: str) -> LocalModel:
    """A local model as a judge: greedy, in its own chat template."""
    import microtome as mt
    from microtome.model.sampling import sample

    model = mt.load(name, device=device, dtype=dtype)

    def chat(messages: Sequence[Any]) -> str:
        text = str(messages[-1]["content"])
        said = sample(
            model, text, n=1, temperature=0, max_new_tokens=_LONGEST,
            chat=bool(getattr(model.tokenizer, "chat_template", None)),
        )  # fmt: skip
        return said.text(0)

    return LocalModel(chat, f"{model.source.name} {model.source.digest}")
