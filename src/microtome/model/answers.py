"""Answers of several tokens, compared where they part.

Prompt and answer are tokenised together (the boundary may merge); the longest common prefix of
the two is forced and the answers are compared at the first token that differs. The probability
of the common answer tokens given the prompt is reported beside the comparison.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.errors import AnswerError
from microtome.model.direction import Direction
from microtome.model.tokens import encode

if TYPE_CHECKING:
    from microtome.model.model import Model


@dataclass(frozen=True)
class Answers:
    """Two answers to one prompt: ids up to the fork, and the token each takes there.

    `ids` holds prompt and common answer tokens; `n_prompt` of them come before the answer.
    """

    ids: tuple[int, ...]
    n_prompt: int
    first: int
    second: int

    def direction(self, model: "Model") -> Direction:
        """logit(second) − logit(first) as a direction in unembedding space."""
        return model.direction(self.second, self.first)

    def probabilities(self, logits: Float[Tensor, " vocab"]) -> tuple[float, float, float]:
        """P(first), P(second) and P(neither) at the fork."""
        p = logits.float().softmax(-1)
        first, second = float(p[self.first]), float(p[self.second])
        return first, second, max(0.0, 1.0 - first - second)


def joint_answers(
    model: "Model", prompt: str, first: str, second: str, *, chat: bool = False
) -> Answers:
    """Tokenise prompt + answer for both answers and find where they part."""
    own = encode(model.tokenizer, prompt, chat=chat)
    one, two = (_continued(model.tokenizer, prompt, a, chat) for a in (first, second))
    common = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
    if common is None:
        raise AnswerError(
            f"The answers {first!r} and {second!r} do not differ, or one begins the other, after "
            f"the prompt ...{prompt[-40:]!r}; give two answers that part at some token."
        )
    n_prompt = next((i for i, (a, b) in enumerate(zip(own, one, strict=False)) if a != b), len(own))
    if min(n_prompt, common) == 0:
        raise AnswerError(
            f"The prompt {prompt!r} merges with its answers into one token and nothing stands "
            f"before it; give a longer prompt."
        )
    return Answers(tuple(one[:common]), min(n_prompt, common), one[common], two[common])


def prefix_probability(model: "Model", answers: Answers) -> float:
    """P(common answer tokens | prompt): 1 when the answers part at their first token."""
    if answers.n_prompt == len(answers.ids):
        return 1.0
    logits = model.run([answers.ids]).logits[0].float().log_softmax(-1)
    chosen = range(answers.n_prompt, len(answers.ids))
    return float(torch.stack([logits[i - 1, answers.ids[i]] for i in chosen]).sum().exp())


def single_token(tokenizer: Any, text: str | int) -> int:
    """The id of a text that is one token; AnswerError otherwise."""
    if isinstance(text, int):
        if not 0 <= text < len(tokenizer):
            raise AnswerError(f"Token id {text} is not in the vocabulary of {len(tokenizer)}.")
        return text
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    if len(ids) != 1:
        pieces = [tokenizer.decode([i]) for i in ids]
        raise AnswerError(
            f"{text!r} is {len(ids)} tokens here ({pieces}); a direction takes one token. Use "
            f"model.answers(prompt, first, second) for answers of several."
        )
    return int(ids[0])


def _continued(tokenizer: Any, prompt: str, answer: str, chat: bool) -> list[int]:
    if not answer.strip():
        raise AnswerError("An answer is empty; give two answers such as ' action1', ' action2'.")
    if chat:
        ids = encode(tokenizer, prompt, chat=True)
        return ids + list(tokenizer(answer.lstrip(), add_special_tokens=False)["input_ids"])
    return encode(tokenizer, prompt + answer)
