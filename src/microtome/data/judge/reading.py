"""What a reply says: SAME, DIFFERENT, or nothing that counts ("unclear").

A verdict is the word VERDICT, the nonce and a label, side by side on the reply's last line; thought
between <think> tags is not part of it. Verdicts with this nonce that contradict each other are
unclear. Where the server gives log-probabilities of the label's token, the label is the likelier
of the two and confidence = p(label) / (p(SAME) + p(DIFFERENT)); else the text counts alone.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Label = Literal["same", "different", "unclear"]
_LABELS: dict[str, Label] = {"SAME": "same", "DIFFERENT": "different"}
Token = tuple[str, Mapping[str, float]]
"""A token of a reply, with the log-probabilities of what might have stood there."""


@dataclass(frozen=True)
class Reply:
    """What a judge said; `tokens` spell `text`, or are none where no log-probabilities came."""

    text: str
    model: str = ""
    tokens: Sequence[Token] = ()
    usage: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """A judge's answer to one question, and the id of its transcript."""

    label: Label
    confidence: float | None = None
    read_by: Literal["text", "log-probabilities", "rule"] = "text"
    reply: str = ""
    id: str = ""


def read(reply: Reply, nonce: str, id: str = "") -> Answer:
    """The answer that a reply gives to the question of that nonce."""
    said = re.sub(r"^.*</think>", "", reply.text, flags=re.DOTALL)
    found = [match[1].upper() for match in _verdict(nonce).finditer(said)]
    lines = said.strip().splitlines()
    closing = bool(lines) and _verdict(nonce).search(lines[-1]) is not None
    if not closing or len(set(found)) != 1 or "<think>" in said:
        return Answer("unclear", reply=reply.text, id=id)
    chances = _chances(reply, nonce)
    if chances is None:
        return Answer(_LABELS[found[0]], reply=reply.text, id=id)
    likelier = max(chances, key=lambda label: chances[label])
    share = chances[likelier] / sum(chances.values())
    return Answer(_LABELS[likelier], share, "log-probabilities", reply.text, id)


def _verdict(nonce: str) -> re.Pattern[str]:
    between = r"[\s:*`_,.]*"
    words = rf"\bVERDICT\b{between}{re.escape(nonce)}{between}(SAME|DIFFERENT)\b"
    return re.compile(words, re.IGNORECASE)


def _chances(reply: Reply, nonce: str) -> dict[str, float] | None:
    """Probability of each label at the token where the last verdict's label begins, if known."""
    found = list(_verdict(nonce).finditer(reply.text))
    end = 0
    for token, options in reply.tokens:
        end += len(token)
        if found and end > found[-1].start(1):
            chances = {label: _mass(options, label) for label in _LABELS}
            return chances if sum(chances.values()) > 0 else None
    return None


def _mass(options: Mapping[str, float], label: str) -> float:
    """Probability of the tokens that begin `label`, white space before it or not."""
    total = 0.0
    for token, log_probability in options.items():
        word = token.strip().upper()
        if word and (label.startswith(word) or word.startswith(label)):
            total += math.exp(log_probability)
    return total
