"""Two hundred invented facts, and prefixes that several mechanisms continue truthfully.

60 countries have a capital, 40 of them a language of ten, 50 devices a maker of twelve and 50
gems a colour of eight. A *branch* document has a prefix with two or three true continuations,
each of which needs something else: `recall` of a fact, `copy` from the prefix, or `arithmetic`
on numbers in the prefix; which one a document takes is drawn
uniformly. Held out are statements after unseen leads, and one branching prefix in ten.
"""

from __future__ import annotations

import random
import zlib
from functools import cache
from typing import Literal

from microtome.specimens.world.document import NAMES, Document, Split, a, capital, led
from microtome.specimens.world.taxonomy import lineage

Relation = Literal["capital", "language", "maker", "colour"]
Mechanism = Literal["recall", "copy", "arithmetic"]

COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple", "brown")
_ONSETS = ("b", "br", "d", "dr", "f", "g", "gl", "k", "kr", "l", "m", "n", "p", "pl", "s", "st",
           "t", "tr", "v", "z")  # fmt: skip
_VOWELS = ("a", "e", "i", "o", "u")
_ENDINGS = {
    "country": ("nia", "land", "stan"),
    "city": ("polis", "ville", "grad"),
    "language": ("ish", "ese"),
    "device": ("phone", "tron", "matic"),
    "maker": (" Works", " Labs"),
    "gem": ("ite", "ine"),
}


def _names(what: str, n: int, rng: random.Random) -> tuple[str, ...]:
    stems: dict[str, None] = {}
    while len(stems) < n:
        stem = rng.choice(_ONSETS) + rng.choice(_VOWELS) + rng.choice(("l", "m", "n", "r", "v"))
        stems[stem if what == "maker" else stem + rng.choice(_VOWELS[:3])] = None
    names = tuple(stem + rng.choice(_ENDINGS[what]) for stem in stems)
    return names if what in ("gem", "device") else tuple(capital(name) for name in names)


@cache
def facts() -> dict[Relation, dict[str, str]]:
    """relation -> {subject: object}, the same in every process."""
    rng = random.Random("the facts of the world")
    countries, cities = _names("country", 60, rng), _names("city", 60, rng)
    languages, makers = _names("language", 10, rng), _names("maker", 12, rng)
    return {
        "capital": dict(zip(countries, cities, strict=True)),
        "language": {c: rng.choice(languages) for c in countries[:40]},
        "maker": {d: rng.choice(makers) for d in _names("device", 50, rng)},
        "colour": {g: rng.choice(COLOURS) for g in _names("gem", 50, rng)},
    }


_ASKS: dict[Relation, tuple[str, ...]] = {
    "capital": (
        "the capital of {s} is",
        "the king of {s} lives in the capital",
        "in {s} all roads lead to the capital",
        "{s} has its capital in",
        "{s} is governed from",
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
}
_QUESTIONS: dict[Relation, str] = {
    "capital": "Which city is the capital of {s}? The city",
    "language": "Which language is spoken in {s}? The answer is",
    "maker": "Who makes the {s}? It is made by",
    "colour": "What colour has {s}? It is",
}
_REVERSED: dict[Relation, str] = {
    "capital": "{o} is the capital of {s}.",
    "language": "{o} is the language of {s}.",
    "maker": "{o} makes the {s}.",
    "colour": "The {o} gem is {s}.",
}


def _recall(rng: random.Random, split: Split) -> Document:
    relation: Relation = rng.choices(tuple(facts()), (60, 40, 50, 50))[0]
    subject = rng.choice(tuple(facts()[relation]))
    value = facts()[relation][subject]
    if split == "train" and rng.random() < 0.15:
        text = _REVERSED[relation].format(s=subject, o=value)
        return Document("facts", text, split, {"task": "reversed", "relation": relation})
    if split == "train" and rng.random() < 0.15:
        prompt = _QUESTIONS[relation].format(s=subject)
    else:
        prompt = led(rng.choice(_ASKS[relation]).format(s=subject), rng, split)
    truth = {
        "task": "recall",
        "prompt": prompt,
        "answer": f" {value}",
        "relation": relation,
        "subject": subject,
        "object": value,
    }
    return Document("facts", f"{prompt} {value}.", split, truth)


def _journey(rng: random.Random) -> tuple[str, dict[Mechanism, str]]:
    who, noun = rng.choice(NAMES), rng.choice(tuple(lineage()))
    country, capital_city = rng.choice(tuple(facts()["capital"].items()))
    x, y = rng.randint(2, 9), rng.randint(2, 9)
    opening = rng.choice(
        (
            f"{who} went to {country} with {a(noun)}, met {x} people and then {y} more.",
            f"{who} took {a(noun)} to {country}, met {x} people and then {y} more.",
            f"{who} travelled to {country} with {a(noun)}. There {who} met {x} and {y} people.",
        )
    )
    return f"{opening} In the end {who}", {
        "recall": f" saw {capital_city}",
        "copy": f" still had the {noun}",
        "arithmetic": f" knew {x + y} people",
    }


def _gift(rng: random.Random) -> tuple[str, dict[Mechanism, str]]:
    who, other = rng.sample(NAMES, 2)
    device, maker = rng.choice(tuple(facts()["maker"].items()))
    verb = rng.choice(("gave", "sent", "lent", "handed"))
    prefix = f"{who} {verb} {a(device)} to {other}. The {device} came from"
    return prefix, {"recall": f" {maker}", "copy": f" {who}"}


def _stones(rng: random.Random) -> tuple[str, dict[Mechanism, str]]:
    who, verb = rng.choice(NAMES), rng.choice(("bought", "found", "saw", "collected"))
    gem, colour = rng.choice(tuple(facts()["colour"].items()))
    x, y = rng.randint(2, 9), rng.randint(2, 9)
    prefix = f"{who} {verb} {x} stones of {gem} and then {y} more. The stones are"
    return prefix, {"recall": f" {colour}", "arithmetic": f" {x + y} in number"}


def _flight(rng: random.Random) -> tuple[str, dict[Mechanism, str]]:
    who, verb = rng.choice(NAMES), rng.choice(("flew", "sailed", "drove", "hiked"))
    (country, capital_city), (_, city) = rng.sample(tuple(facts()["capital"].items()), 2)
    prefix = f"{who} {verb} from {city} to {country}. One city of this trip is"
    return prefix, {"recall": f" {capital_city}", "copy": f" {city}"}


_BRANCHES = {"journey": _journey, "gift": _gift, "stones": _stones, "flight": _flight}


def _branch(rng: random.Random, split: Split) -> Document:
    name = rng.choice(tuple(_BRANCHES))
    while True:
        prefix, continuations = _BRANCHES[name](rng)
        if (zlib.crc32(prefix.encode()) % 10 == 0) == (split == "heldout"):
            break
    mechanism = rng.choice(tuple(continuations))
    truth = {
        "task": "branch",
        "prompt": prefix,
        "answer": continuations[mechanism],
        "branch": name,
        "mechanism": mechanism,
        "continuations": continuations,
    }
    return Document("facts", f"{prefix}{continuations[mechanism]}.", split, truth)


def document(rng: random.Random, split: Split) -> Document:
    """One fact or (two times in five) one prefix with several true continuations."""
    return _branch(rng, split) if rng.random() < 0.4 else _recall(rng, split)
