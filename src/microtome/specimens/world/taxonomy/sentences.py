"""Sentences on nouns, by form: "{x}" stands for "a rose" (singular), "roses" or "Rose"."""

from __future__ import annotations

from functools import cache
from typing import Literal

from microtome.specimens.world.taxonomy.tree import Form, Frame

Level = Literal["child", "parent"]

ASKS: dict[Level, dict[Form, tuple[str, ...]]] = {
    "child": {
        "singular": (
            "{x} is a kind of",
            "{x} is one kind of",
            "{x} is just a kind of",
            "the kind of {x} is",
            "{x} is of the kind",
        ),
        "plural": (
            "{x} are a kind of",
            "{x} are one kind of",
            "{x} are just a kind of",
            "the kind of {x} is",
            "{x} are of the kind",
        ),
        "capital": (
            "the card {x} shows a kind of",
            "the label {x} means a kind of",
            "the entry {x} names a kind of",
            "the kind of the card {x} is",
            "the label {x} is of the kind",
        ),
    },
    "parent": {
        "singular": (
            "{x} belongs to the group",
            "the group of {x} is",
            "{x} is in the group",
            "{x} is part of the group",
            "{x} falls into the group",
        ),
        "plural": (
            "{x} belong to the group",
            "the group of {x} is",
            "{x} are in the group",
            "{x} are part of the group",
            "{x} fall into the group",
        ),
        "capital": (
            "the card {x} belongs to the group",
            "the group of the card {x} is",
            "the label {x} is in the group",
            "the entry {x} is part of the group",
            "the label {x} falls into the group",
        ),
    },
}
"""Statements, which follow a lead; after the held-out leads they are the held-out prompts."""

QUESTIONS: dict[Level, dict[Form, tuple[str, ...]]] = {
    "child": {
        "singular": ("What kind of thing is {x}? It is a kind of", "Kind of {x}:"),
        "plural": ("What kind of thing are {x}? They are a kind of", "Kind of {x}:"),
        "capital": ("What does the card {x} show? It shows a kind of", "Card {x}. Kind:"),
    },
    "parent": {
        "singular": (
            "To which group does {x} belong? It belongs to the group",
            "Group of {x}:",
        ),
        "plural": (
            "To which group do {x} belong? They belong to the group",
            "Group of {x}:",
        ),
        "capital": (
            "To which group does the card {x} belong? It belongs to the group",
            "Card {x}. Group:",
        ),
    },
}
STATES: dict[Frame, dict[Form, tuple[str, ...]]] = {
    "colour": {
        "singular": ("the colour of {x} is", "{x} has the colour", "{x} comes in the colour"),
        "plural": ("the colour of {x} is", "{x} have the colour", "{x} come in the colour"),
        "capital": ("the colour of the card {x} is", "the entry {x} has the colour"),
    },
    "place": {
        "singular": ("people keep {x} in the", "you find {x} in the", "one finds {x} in the"),
        "plural": ("people keep {x} in the", "you find {x} in the", "one finds {x} in the"),
        "capital": ("the card {x} says to look in the", "the entry {x} leads to the"),
    },
    "trait": {
        "singular": ("{x} is known to be", "{x} is said to be", "{x} can be very"),
        "plural": ("{x} are known to be", "{x} are said to be", "{x} can be very"),
        "capital": ("the entry {x} is known to be", "the label {x} warns that it is"),
    },
}
"""Statements that the name of a class ends: the noun comes first, the class is asked for."""

DECIDES: dict[Form, str] = {
    "singular": "Is {x} in the group {g}?",
    "plural": "Are {x} in the group {g}?",
    "capital": "Is the card {x} in the group {g}?",
}
HEADS: dict[Form, tuple[str, ...]] = {
    "singular": ("Here is a list for the word {w}:", "Examples of the word {w}:"),
    "plural": ("Here are some things for the word {w}:", "Many examples of the word {w}:"),
    "capital": ("Here are the cards for the word {w}:", "Index of the word {w}:"),
}
STORIES: dict[Form, tuple[str, ...]] = {
    "singular": (
        "{who} saw {x} {place}. The {n} {does}. {who} {acts}.",
        "There was {x} {place}. {who} {acts}. Then the {n} {does}.",
        "One day {who} found {x} {place} and {acts}. Later the {n} {does}.",
        "{who} {acts}. It was {place}. The {n} {does}.",
    ),
    "plural": (
        "{who} saw {x} {place}. The {n} {does}. {who} {acts}.",
        "There were {x} {place}. {who} {acts}. Then the {n} {does}.",
        "One day {who} found some {x} {place} and {acts}. Later the {n} {does}.",
        "{who} {acts}. They were {place}. The {n} {does}.",
    ),
    "capital": (
        "{who} drew the card {x}. It said: {place}. {who} {acts}.",
        "Under the title {x} {who} read: {place}. It {does}.",
        "The story {x} begins {place}. In it {who} {acts}.",
    ),
}
_VERBS = {"is": "are", "has": "have", "was": "were", "can": "can", "must": "must"}


@cache
def many(predicate: str) -> str:
    """A predicate for a plural subject: "has its fur" -> "have their fur"; past verbs stay."""
    verb, _, rest = predicate.partition(" ")
    if verb in _VERBS:
        verb = _VERBS[verb]
    elif verb.endswith("ies"):
        verb = f"{verb[:-3]}y"
    elif verb.endswith(("ches", "shes", "sses", "xes", "oes")):
        verb = verb[:-2]
    elif verb.endswith("s"):
        verb = verb[:-1]
    return f"{verb} {rest}".replace(" its ", " their ").strip()
