"""Files of pairs, JSONL, a line per member.

A line is {"id", "pair_id", "label" ("correct" or "misconception"), "prompt",
"expected_correct_answer"} and, if wanted, "misconception_answer", "domain", "concept" (the word
that is asked about, as it stands in the prompt), "mistake" (the misconception's name) and "split":
"select" or "test", or one of the factors (`pairs.FACTORS`). Where no member of a pair states the
misconception's answer, the members' differing `expected_correct_answer`s are the two answers.
Whatever is wrong is named with file and line.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from microtome.data.lines import objects
from microtome.errors import AnswerError, PromptError, suggest
from microtome.studies.misconceptions.concepts import end_of
from microtome.studies.misconceptions.pairs import LABELS, Label, Pair, Prompt

Text = Annotated[str, StringConstraints(strip_whitespace=False, pattern=r"\S")]


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
    concept: Text | None = None
    mistake: Text | None = None
    split: (
        Literal[
            "select", "test",
            "elsewhere", "content", "content_select", "content_elsewhere", "crossed",
        ]
        | None
    ) = None  # fmt: skip


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


def _line(path: Path, number: int, content: dict[str, Any]) -> _Line:
    for key in content:
        if key not in _Line.model_fields:
            hint = suggest(key, _Line.model_fields)
            raise PromptError(f"{path}, line {number}: a prompt has no field {key!r}.{hint}")
    try:
        found = _Line(**content)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        said = {"string_pattern_mismatch": "is empty", "missing": "is missing"}
        what = said.get(first["type"], f"is wrong: {first['msg'].lower()}")
        raise PromptError(f"{path}, line {number}: the field {field!r} {what}.") from None
    if found.concept is not None and end_of(found.concept, found.prompt) is None:
        raise PromptError(
            f"{path}, line {number}: the concept {found.concept!r} does not stand in the prompt "
            f"as a word; give it as it is written there."
        )
    return found


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
            line.concept or "", line.mistake or "",
        )
        for line in (right, wrong)
    )  # fmt: skip
    return Pair(*made)
