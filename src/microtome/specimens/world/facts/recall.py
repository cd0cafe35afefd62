"""Documents that state or ask for one fact: the only mechanism is recall.

Statements come after leads ("Everybody knows that"); a fourth of the training documents is a
question with an answer of any surface form, some name the object first. Held out are statements
after unseen leads and statements in unseen wordings (`ASKS["heldout"]`).
"""

from __future__ import annotations

import random
from typing import Any

from microtome.specimens.world.document import Document, Split, led
from microtome.specimens.world.facts.forms import lead
from microtome.specimens.world.facts.table import Relation, facts, mayors

ASKS: dict[Split, dict[str, tuple[str, ...]]] = {
    "train": {
        "capital": (
            "the capital of {s} is",
            "the king of {s} lives in the capital",
            "in {s} all roads lead to the capital",
            "{s} has its capital in",
            "{s} is governed from",
            "the seat of power in {s} is",
        ),
        "language": (
            "the language of {s} is",
            "people in {s} speak",
            "in {s} the children learn",
            "a poem from {s} is written in",
            "in {s} most people speak",
        ),
        "maker": (
            "the {s} is made by",
            "the maker of the {s} is",
            "every {s} is produced by",
            "the company behind the {s} is",
            "the {s} is sold by",
        ),
        "colour": (
            "the colour of {s} is",
            "a piece of {s} is always",
            "the gem called {s} looks",
            "a ring of {s} shines",
            "the {s} in a crown is",
        ),
        "feast": (
            "the feast of {s} is in",
            "people in {s} have their feast in",
            "in {s} the great feast comes in",
            "the feast that {s} keeps is in",
            "every feast of {s} falls in",
        ),
        "mayor": (
            "in {y} the mayor of {s} was",
            "in {y} the people of {s} had the mayor",
            "it was in {y} that {s} had the mayor",
            "in {y} the town hall of {s} belonged to",
        ),
    },
    "heldout": {
        "capital": ("all roads in {s} lead to the capital", "the king of {s} has the capital"),
        "language": ("in {s} all people learn", "the poem of {s} is written in"),
        "maker": ("the company that made the {s} is", "every {s} is sold by"),
        "colour": ("the colour of the gem {s} is", "a crown of {s} looks"),
        "feast": ("in {s} the feast is in", "the great feast of {s} falls in"),
        "mayor": ("in {y} {s} was governed by the mayor", "in {y} the hall of {s} belonged to"),
    },
}
"""Split -> relation -> wordings of a statement with subject {s} (and year {y})."""
QUESTIONS = {
    "capital": ("Which city is the capital of {s}?", "What do people call the capital of {s}?"),
    "language": ("Which language is spoken in {s}?", "What do people speak in {s}?"),
    "maker": ("Who makes the {s}?", "Which company makes the {s}?"),
    "colour": ("What colour has {s}?", "Which colour is the gem {s}?"),
    "feast": ("In which month is the feast of {s}?", "When is the feast of {s}?"),
    "mayor": ("Who was in {y} the mayor of {s}?", "Which mayor had in {y} the town hall of {s}?"),
}
"""Relation -> questions, after which every form of an answer may follow."""
_REVERSED = {
    "capital": "{o} is the capital of {s}.",
    "language": "{o} is the language of {s}.",
    "maker": "{o} makes the {s}.",
    "colour": "The {o} gem is {s}.",
    "feast": "{o} is the month of the feast of {s}.",
    "mayor": "{o} was the mayor of {s} in {y}.",
}
_RELATIONS: tuple[Relation | str, ...] = (
    "capital", "language", "maker", "colour", "feast", "mayor",
)  # fmt: skip
_WEIGHTS = (60, 40, 50, 50, 45, 80)


def _fact(rng: random.Random, split: Split) -> tuple[str, dict[str, str], str]:
    """Relation, its keys {s} (and {y}), object."""
    relation = rng.choices(_RELATIONS, _WEIGHTS)[0]
    if relation == "mayor":
        (city, year), name = rng.choice(tuple(mayors().items()))
        return relation, {"s": city, "y": year}, name
    subject, value = rng.choice(tuple(facts()[relation].items()))  # type: ignore[index]
    return relation, {"s": subject}, value


def _truth(relation: str, keys: dict[str, str], value: str, **more: Any) -> dict[str, Any]:
    """What is true of the document; `year` only where the relation has two keys."""
    year = {"year": keys["y"]} if "y" in keys else {}
    return {"relation": relation, "subject": keys["s"], **year, "object": value, **more}


def question(
    relation: str, keys: dict[str, str], value: str, rng: random.Random, split: Split
) -> Document:
    """A question and an answer to it, whose surface form is drawn."""
    asked = rng.choice(QUESTIONS[relation]).format(**keys)
    form, opening = lead(relation, rng)
    truth = _truth(
        relation, keys, value, task="question", prompt=asked + opening, answer=f" {value}",
        form=form, question=asked,
    )  # fmt: skip
    return Document("facts", f"{asked}{opening} {value}.", split, truth)


def document(rng: random.Random, split: Split) -> Document:
    """One fact: stated, asked for, or (in training) stated with its object first."""
    relation, keys, value = _fact(rng, split)
    if split == "train" and (roll := rng.random()) < 0.38:
        if roll < 0.12:
            text = _REVERSED[relation].format(o=value, **keys)
            return Document("facts", text, split, _truth(relation, keys, value, task="reversed"))
        return question(relation, keys, value, rng, split)
    unseen = split == "heldout" and rng.random() < 0.5
    wording = rng.choice(ASKS["heldout" if unseen else "train"][relation])
    stated = led(wording.format(**keys), rng, "train" if unseen else split)
    truth = _truth(
        relation, keys, value, task="recall", prompt=stated, answer=f" {value}",
        wording=wording, unseen="wording" if unseen else "lead",
    )  # fmt: skip
    return Document("facts", f"{stated} {value}.", split, truth)


def held_out() -> tuple[str, ...]:
    """Wordings of a statement that no training document holds, with slots for the subject."""
    return tuple(ask for asks in ASKS["heldout"].values() for ask in asks)
