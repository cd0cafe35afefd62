"""Oracle texts and their latents z*: always this model's own, whoever wrote the text.

The text is teacher-forced after the problem's prompt and pooled by the completions' rule, from its
first token to at most `max_new_tokens`.
"""

from functools import lru_cache
from threading import Event

import microtome as mt
from microtome import files
from microtome.data.judge import Endpoint
from microtome.data.problems import Problem
from microtome.errors import StrideError
from microtome.model.sampling import sample
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.judging import answers
from microtome.studies.sampling.problem_set import prompt_of

_REPLY = 4096
"""Longest answer of an oracle at a server, in its own tokens."""


def oracle_text(problem: Problem, study: Configuration) -> str:
    """The oracle's solution as it continues the prompt."""
    if not study.oracle_model:
        return problem.continuation(study.template)
    path = answers(study) / f"{files.digest(['oracle', *_identity(problem, study)])}.json"
    kept = files.read_json_or_none(path)
    if kept is None:
        kept = {"problem": problem.id, "text": _written(problem, study)}
        files.write_json(path, kept)
    return f" {str(kept['text']).strip()}"


def _identity(problem: Problem, study: Configuration) -> list[object]:
    return [study.oracle_model, study.oracle_url, prompt_of(problem, study), study.max_new_tokens]


def _written(problem: Problem, study: Configuration) -> str:
    if study.oracle_url:
        server = Endpoint(
            study.oracle_model, study.oracle_url, max_tokens=_REPLY, logprobs=False, role="oracle"
        )
        return server.ask([{"role": "user", "content": problem.problem}], Event()).text
    model = _stronger(study.oracle_model, study.device, study.dtype)
    said = sample(
        model, prompt_of(problem, study), n=1, temperature=0, chat=study.chat,
        max_new_tokens=study.max_new_tokens,
    )  # fmt: skip
    return said.text(0)


@lru_cache(maxsize=1)
def _stronger(name: str, device: str, dtype: str) -> "mt.Model":
    return mt.load(name, device=device, dtype=dtype)


def oracle_ids(
    model: "mt.Model", problem: Problem, text: str, study: Configuration
) -> tuple[int, ...]:
    """Ids of the text behind the prompt, at most `max_new_tokens`.

    Prompt and text are encoded together; where that would change the prompt's own last token, the
    text is encoded alone, as completions too follow the prompt's ids.
    """
    prompt = prompt_of(problem, study)
    own = model.tokenize(prompt, chat=study.chat).ids[0].tolist()
    both = [] if study.chat else model.tokenizer(prompt + text, verbose=False)["input_ids"]
    # A turn of a chat begins without the space that parts prompt and solution.
    said = text.strip() if study.chat else text
    alone = model.tokenizer(said, add_special_tokens=False, verbose=False)["input_ids"]
    ids = both[len(own) :] if both[: len(own)] == own else alone
    return tuple(ids[: study.max_new_tokens])


def demand_tokens(length: int, stride: int, problem: Problem, what: str) -> None:
    """StrideError where a text that must have a latent is shorter than the stride."""
    if length < stride:
        usable = f"use a stride of at most {length}" if length else "it needs a longer text"
        raise StrideError(
            f"{what} of {problem.id!r} leaves {length} tokens to pool and the stride is {stride}; "
            f"{usable}."
        )
