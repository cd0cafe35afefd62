"""Minimal pairs: two prompts, one leading to the right answer, one to a common misconception.

A line of a file is {"id", "pair_id", "label" ("correct" or "misconception"), "prompt",
"expected_correct_answer"} and, if wanted, "misconception_answer", "domain" and "split" ("select"
or "test"). Where no member of a pair states the misconception's answer, the members' differing
`expected_correct_answer`s are the two answers. "split" may also be "elsewhere" (the same speakers
before sentences of no such domain) or "content" (stated without a speaker). Whatever is wrong is
named with file and line.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from microtome.data.lines import objects
from microtome.errors import AnswerError, PromptError, suggest

Label = Literal["correct", "misconception"]
LABELS: tuple[Label, ...] = ("correct", "misconception")
Role = Literal["select", "test", "extra", "elsewhere", "content"]
FACTORS: tuple[Role, ...] = ("elsewhere", "content")
"""Roles of pairs that separate the factors: they select nothing and test no claim."""
Text = Annotated[str, StringConstraints(strip_whitespace=False, pattern=r"\S")]


@dataclass(frozen=True)
class Prompt:
    """One member of a pair; `correct` and `misconception` are the two answers.

    `role`: features are selected on "select", tested on "test"; "extra" pairs are a second test,
    and those of `FACTORS` tell voice, domain and content apart.
    """

    id: str
    pair_id: str
    label: Label
    domain: str
    prompt: str
    correct: str
    misconception: str
    role: Role = "extra"

    @property
    def own(self) -> str:
        """The answer that goes with its label."""
        return self.correct if self.label == "correct" else self.misconception

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


class _Line(BaseModel):
    """One line of a file as it stands."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    id: Text
    pair_id: Text
    label: Label
    prompt: Text
    expected_correct_answer: Text
    misconception_answer: Text | None = None
    domain: Text = "none"
    split: Literal["select", "test", "elsewhere", "content"] | None = None


def read_pairs(path: Path) -> tuple[Pair, ...]:
    """The pairs of a JSONL file, in the order in which they begin; PromptError names the line."""
    groups: dict[str, list[tuple[int, _Line]]] = {}
    seen: dict[str, int] = {}
    for number, content in objects(path, "prompt"):
        line = _line(path, number, content)
        if line.id in seen:
            raise PromptError(
                f"{path}, line {number}: the id {line.id!r} already stands in line "
                f"{seen[line.id]}; give every prompt its own."
            )
        seen[line.id] = number
        groups.setdefault(line.pair_id, []).append((number, line))
    if not groups:
        raise PromptError(f"{path} holds no prompt; give one JSON object a line.")
    return tuple(_pair(path, lines) for lines in groups.values())


def of_rows(rows: Sequence[Any]) -> tuple[Pair, ...]:
    """Pairs from the rows of both members of each, in turn."""
    prompts = [Prompt(**row) for row in rows]
    return tuple(Pair(a, b) for a, b in zip(prompts[::2], prompts[1::2], strict=True))


def _line(path: Path, number: int, content: dict[str, Any]) -> _Line:
    for key in content:
        if key not in _Line.model_fields:
            hint = suggest(key, _Line.model_fields)
            raise PromptError(f"{path}, line {number}: a prompt has no field {key!r}.{hint}")
    try:
        return _Line(**content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = {"string_pattern_mismatch": "is empty", "missing": "is missing"}
        what = said.get(first["type"], f"is wrong: {first['msg'].lower()}")
        raise PromptError(f"{path}, line {number}: the field {field!r} {what}.") from None


def _pair(path: Path, lines: list[tuple[int, _Line]]) -> Pair:
    number, first = lines[0]
    place = f"{path}, line {number}"
    if sorted(line.label for _, line in lines) != sorted(LABELS):
        there = ", ".join(line.label for _, line in lines)
        raise PromptError(
            f"{place}: the pair {first.pair_id!r} has the members {there}; give it one "
            f"'correct' and one 'misconception'."
        )
    by_label = {line.label: line for _, line in lines}
    right, wrong = (by_label[label] for label in LABELS)
    stated = {line.misconception_answer for line in (right, wrong)} - {None}
    mistaken = next(iter(stated), wrong.expected_correct_answer)
    if right.expected_correct_answer.strip() == (mistaken or "").strip() or len(stated) > 1:
        raise AnswerError(
            f"{place}: the pair {first.pair_id!r} needs one right and one other answer, and has "
            f"{right.expected_correct_answer!r} and {mistaken!r}; give misconception_answer."
        )
    made = (
        Prompt(
            line.id, line.pair_id, line.label, line.domain, line.prompt,
            right.expected_correct_answer, str(mistaken), line.split or "extra",
        )
        for line in (right, wrong)
    )  # fmt: skip
    return Pair(*made)
