"""The concept word of a prompt: the word that is asked about, and the token on which it ends."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from microtome.errors import PromptError
from microtome.studies.misconceptions.pairs import Pair, Prompt


def end_of(word: str, text: str) -> int | None:
    """Where the last occurrence of a whole word ends; None where it does not stand there."""
    found = list(re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text))
    return found[-1].end() if found else None


def demand_concepts(pairs: Iterable[Pair]) -> None:
    """PromptError where a pair that would be read at its concept word names none."""
    for pair in pairs:
        for prompt in () if pair.identical else pair.members:
            concept_end(prompt)


def concept_end(prompt: Prompt) -> int:
    """Where the concept word ends in the prompt's text; PromptError where there is none."""
    if not prompt.concept:
        raise PromptError(
            f"The prompt {prompt.id!r} names no concept word and --read-at concept was asked for; "
            f'give its line a "concept", or read at last, answer, all or max.'
        )
    end = end_of(prompt.concept, prompt.prompt)
    if end is None:
        raise PromptError(
            f"The concept {prompt.concept!r} of {prompt.id!r} does not stand in its prompt as a "
            f"word; give it as it is written there."
        )
    return end


def concept_at(tokenizer: Any, prompt: Prompt, ids: Sequence[int]) -> int:
    """The position of the concept word's last token among the prompt's ids."""
    from microtome.model.tokens import encode

    before = encode(tokenizer, prompt.prompt[: concept_end(prompt)])
    if list(ids[: len(before)]) != before:
        raise PromptError(
            f"No token of the prompt {prompt.id!r} ends where its concept word "
            f"{prompt.concept!r} does; read at last, answer, all or max."
        )
    return len(before) - 1
