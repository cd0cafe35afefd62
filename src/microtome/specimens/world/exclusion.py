"""Texts that no training document may contain: shipped prompts and everything held out.

Texts are compared as words in lower case, without punctuation, every number as "#". A *whole* text
(a shipped prompt, a held-out template with "{slots}") stands in no document. Of the *carrying
part* of a shipped prompt (what makes it this prompt: moves, story and question, not the payoffs)
no document holds a run of eight content words; a shorter part stands in none as a whole.

A kind of document takes part with a line in `HELD_OUT` (the templates, pairs and forms of its
held-out split), a study with one in `CARRYING` where only some sentences of a prompt carry it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microtome.errors import ModelError
from microtome.specimens.world import dilemmas, facts, taxonomy
from microtome.specimens.world.arithmetic import wording
from microtome.specimens.world.document import Kind
from microtome.specimens.world.physics.document import held_out as physics

RUN = 8
"""Content words in a row that a carrying part and a document may not share."""
HELD_OUT: dict[Kind, Callable[[], Iterable[str]]] = {
    "taxonomy": taxonomy.held_out,
    "arithmetic": wording.held_out,
    "physics": physics,
    "dilemmas": dilemmas.held_out,
    "facts": facts.held_out,
}
"""kind -> its held-out texts; "{slot}" stands for one to four words."""
EXEMPT: Mapping[str, str] = {}
"""Name of a shipped prompt -> why it may stand in the corpus (a fact that is to be recalled)."""
_STUDIES = Path(__file__).parents[2] / "studies"
_EXPLAINS = re.compile(
    r"\b\d+\b|\bcooperate\b.*\bdefect\b|\bdefect\b.*\bcooperate\b", re.IGNORECASE
)
"""Payoffs ("each gets 3") and both actions as infinitives ("To defect is action2, ...")."""
_TELLS = re.compile(
    r"\b(cooperated|defected|played|chose|took|picked|used|decided|went for|move was|choice was)\b",
    re.IGNORECASE,
)
"""A move that was made: the simple past, which neither payoffs nor explanations use."""


@dataclass(frozen=True)
class Excluded:
    """A text that stands in no training document, and parts that share no run with one."""

    name: str
    text: str
    parts: tuple[str, ...] = ()


def dilemma_parts(prompt: str) -> tuple[str, ...]:
    """The sentences of a dilemma that carry it, as one part: moves, story and question.

    Left out are sentences with a number (payoffs), those that explain both actions, and what
    stands before the first of either (the introduction). Sentences that tell a move stay.
    """
    sentences = re.split(r"(?<=[.?!:]) ", prompt)
    frame = [bool(_EXPLAINS.search(one)) and not _TELLS.search(one) for one in sentences]
    first = frame.index(True) if True in frame else 0
    kept = [one for one, out in zip(sentences[first:], frame[first:], strict=True) if not out]
    return (" ".join(kept),)


CARRYING: dict[str, Callable[[str], tuple[str, ...]]] = {"dilemmas": dilemma_parts}
"""study -> its prompts' carrying parts; in other studies the whole prompt carries."""


def shipped(root: Path = _STUDIES) -> Iterator[Excluded]:
    """Every prompt in a .jsonl file of a study, under the name "study/file:line"."""
    for path in sorted(root.glob("*/*.jsonl")):
        carrying = CARRYING.get(path.parent.name, lambda prompt: (prompt,))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            row = json.loads(line)
            if "prompt" in row:
                name = f"{path.parent.name}/{path.name}:{number}"
                yield Excluded(name, row["prompt"], carrying(row["prompt"]))


def held_out() -> Iterator[Excluded]:
    """The held-out texts of every kind, under the name "kind held out: text"."""
    for kind, texts in HELD_OUT.items():
        for text in dict.fromkeys(texts()):
            yield Excluded(f"{kind} held out: {text}", text)


@cache
def forbidden() -> tuple[Excluded, ...]:
    """Everything excluded but the exempt; ModelError where an exempt name is no prompt's."""
    every = (*shipped(), *held_out())
    unknown = set(EXEMPT) - {one.name for one in every}
    if unknown:
        raise ModelError(
            f"{', '.join(sorted(unknown))} is exempt and no study ships it: take it out of EXEMPT."
        )
    return tuple(one for one in every if one.name not in EXEMPT)
