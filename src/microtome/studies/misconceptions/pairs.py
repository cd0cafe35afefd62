"""Minimal pairs: two prompts, one leading to the right answer, one to a common misconception.

`Prompt.mistake` names the misconception ("velocity taken for acceleration"), `Prompt.concept` the
word that it is about. Files of pairs are read by `pair_files.py`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Label = Literal["correct", "misconception"]
LABELS: tuple[Label, ...] = ("correct", "misconception")
Role = Literal[
    "select", "test", "extra",
    "elsewhere", "content", "content_select", "content_elsewhere", "crossed",
]  # fmt: skip
FACTORS: tuple[Role, ...] = (
    "elsewhere", "content", "content_select", "content_elsewhere", "crossed",
)  # fmt: skip
"""Roles of pairs that separate the factors (`material.py` says what each holds)."""
_ONE_ANSWER: tuple[Role, ...] = ("elsewhere", "content_elsewhere")
"""Outside the domain neither voice nor belief changes the answer: both members have one."""


@dataclass(frozen=True)
class Prompt:
    """One member of a pair; `correct` and `misconception` are the two answers.

    `role`: features are selected on "select" and "content_select", tested on "test" and "content";
    "extra" pairs are a second test, and the others of `FACTORS` tell the factors apart.
    """

    id: str
    pair_id: str
    label: Label
    domain: str
    prompt: str
    correct: str
    misconception: str
    role: Role = "extra"
    concept: str = ""
    """The concept word as it stands in the prompt; empty where none is named."""
    mistake: str = ""
    """The misconception's name; empty where the domain is its name."""

    @property
    def own(self) -> str:
        """The answer that goes with its label; outside the domain the right one."""
        right = self.label == "correct" or self.role in _ONE_ANSWER
        return self.correct if right else self.misconception

    @property
    def named(self) -> str:
        """What the misconception is called in tables."""
        return self.mistake or self.domain

    def row(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Pair:
    """Both members, the correct one first."""

    correct: Prompt
    misconception: Prompt

    @property
    def id(self) -> str:
        return self.correct.pair_id

    @property
    def members(self) -> tuple[Prompt, Prompt]:
        return self.correct, self.misconception

    @property
    def identical(self) -> bool:
        """Whether both members are one prompt, so that their activations cannot differ."""
        return self.correct.prompt == self.misconception.prompt


def of_rows(rows: Sequence[Any]) -> tuple[Pair, ...]:
    """Pairs from the rows of both members of each, in turn."""
    prompts = [Prompt(**row) for row in rows]
    return tuple(Pair(a, b) for a, b in zip(prompts[::2], prompts[1::2], strict=True))
