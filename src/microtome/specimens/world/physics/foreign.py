"""The same markers and beliefs before sentences without physics: their answers do not change.

So a feature of a voice, which fires here too, is another than one of the physics. Sentences come
from the taxonomy and the facts, and from moves of two players told in one plain sentence.
"""

from __future__ import annotations

import random
from typing import Literal, TypedDict

from microtome.specimens.world import facts, taxonomy
from microtome.specimens.world.document import NAMES, Document, Split
from microtome.specimens.world.physics.voice import Voice, markers

Source = Literal["taxonomy", "facts", "moves"]
SOURCES: tuple[Source, ...] = ("taxonomy", "facts", "moves")
_MOST = 300
"""Characters of a sentence, so that the marked one still fits into a row."""
_MOVES: dict[Split, tuple[str, ...]] = {
    "train": (
        "{a} took action{i} and {b} took action{j}.",
        "While {a} picked action{i}, {b} picked action{j}.",
        "It was action{i} for {a} and action{j} for {b}.",
        "{a} went for action{i}, but {b} went for action{j}.",
    ),
    "heldout": ("{a} picked action{i} and {b} picked action{j}.",),
}
_ASKED: dict[Split, tuple[str, ...]] = {
    "train": ("The action of {w} is", "So the move of {w} is", "What {w} took is"),
    "heldout": ("So the action of {w} is", "The move of {w} is"),
}


class Foreign(TypedDict, total=False):
    """What is true of a marked foreign sentence; without a question, prompt and answer lack."""

    task: str
    """Always "foreign"."""
    source: Source
    domain: str
    """Always "foreign"."""
    voice: Voice
    marker: str
    belief: str
    """A belief on physics stated before the sentence; empty without one."""
    sentence: str
    """The question without marker and belief."""
    prompt: str
    answer: str


def moves(rng: random.Random, split: Split) -> tuple[str, str]:
    """Two players' actions and whose is asked for: prompt and answer."""
    one, other = rng.sample(NAMES, 2)
    i = rng.choice((1, 2))
    story = rng.choice(_MOVES[split]).format(a=one, b=other, i=i, j=3 - i)
    first = rng.random() < 0.5
    question = rng.choice(_ASKED[split]).format(w=one if first else other)
    return f"{story} {question}", f" action{i if first else 3 - i}"


def move_templates(split: Split) -> tuple[str, ...]:
    """Sentences on moves, with the question, of a split."""
    return tuple(f"{story} {question}" for story in _MOVES[split] for question in _ASKED[split])


def foreign(
    voice: Voice, rng: random.Random, split: Split, belief: str = "", source: Source | None = None
) -> Document:
    """A marked sentence without physics; the held-out ones always ask something."""
    chosen: Source = rng.choice(SOURCES) if source is None else source
    marker = rng.choice(markers("foreign", voice, split))
    before = "".join(f"{part} " for part in (marker, belief) if part)
    text, sentence, answer = _sentence(chosen, rng, split)
    truth: Foreign = {
        "task": "foreign", "source": chosen, "domain": "foreign", "voice": voice,
        "marker": marker, "belief": belief,
    }  # fmt: skip
    if answer:
        truth |= {"sentence": sentence, "prompt": before + sentence, "answer": answer}
    return Document("physics", before + text, split, truth)


def _sentence(source: Source, rng: random.Random, split: Split) -> tuple[str, str, str]:
    """Text, question and answer; the last two are empty where nothing is asked."""
    if source == "moves":
        sentence, answer = moves(rng, split)
        return f"{sentence}{answer}.", sentence, answer
    draw = taxonomy.document if source == "taxonomy" else facts.document
    while True:
        found = draw(rng, split)
        asked = "prompt" in found.truth
        if len(found.text) <= _MOST and (asked or split == "train"):
            break
    return found.text, found.truth.get("prompt", ""), found.truth.get("answer", "")
