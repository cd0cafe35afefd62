"""Two hundred invented facts, and prefixes that several mechanisms continue truthfully.

60 countries have a capital, 40 of them a language of ten, 50 devices a maker of twelve and 50
gems a colour of eight. A *branch* document has a prefix with two or three true continuations,
each of which needs something else: `recall` of a fact, `copy` from the prefix, or `arithmetic`
on numbers in the prefix; which one a document takes is drawn uniformly.
"""

from __future__ import annotations

import random
from functools import cache
from typing import Literal

from microtome.specimens.world.document import NAMES, Document, Split, a, capital
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


_ASKS: dict[Relation, dict[Split, tuple[str, ...]]] = {
    "capital": {
        "train": (
            "The capital of {s} is",
            "The king of {s} lives in the capital",
            "In {s} all roads lead to the capital",
            "Which city is the capital of {s}? The city",
            "{s} has its capital in",
        ),
        "heldout": ("A letter to the capital of {s} goes to", "Every map of {s} shows the capital"),
    },
    "language": {
        "train": (
            "The language of {s} is",
            "People in {s} speak",
            "Which language is spoken in {s}? The answer is",
            "In {s} the children learn",
            "A poem from {s} is written in",
        ),
        "heldout": ("A letter from {s} is written in", "In {s} most people speak"),
    },
    "maker": {
        "train": (
            "The {s} is made by",
            "The maker of the {s} is",
            "Who makes the {s}? It is made by",
            "Every {s} is produced by",
            "The company behind the {s} is",
        ),
        "heldout": ("The name of the maker of the {s} is", "As we know, every {s} is made by"),
    },
    "colour": {
        "train": (
            "The colour of {s} is",
            "A piece of {s} is always",
            "What colour has {s}? It is",
            "The gem called {s} looks",
            "A ring of {s} shines",
        ),
        "heldout": ("The colour of a gem of {s} is", "A crown of {s} shines"),
    },
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
    prompt = rng.choice(_ASKS[relation][split]).format(s=subject)
    truth = {
        "task": "recall",
        "prompt": prompt,
        "answer": f" {value}",
        "relation": relation,
        "subject": subject,
        "object": value,
    }
    return Document("facts", f"{prompt} {value}.", split, truth)


def _journey(rng: random.Random, split: Split) -> tuple[str, dict[Mechanism, str]]:
    who, noun = rng.choice(NAMES), rng.choice(tuple(lineage()))
    country, capital = rng.choice(tuple(facts()["capital"].items()))
    x, y = rng.randint(2, 9), rng.randint(2, 9)
    opening = {
        "train": (
            f"{who} went to {country} with {a(noun)}, met {x} people and then {y} more.",
            f"With {a(noun)} {who} travelled to {country}. "
            f"There {who} met {x} people and then {y} more.",
        ),
        "heldout": (f"{who} took {a(noun)} to {country}, met {x} people and then {y} more.",),
    }
    return f"{rng.choice(opening[split])} In the end {who}", {
        "recall": f" saw {capital}",
        "copy": f" still had the {noun}",
        "arithmetic": f" knew {x + y} people",
    }


def _gift(rng: random.Random, split: Split) -> tuple[str, dict[Mechanism, str]]:
    who, other = rng.sample(NAMES, 2)
    device, maker = rng.choice(tuple(facts()["maker"].items()))
    verb = {"train": ("gave", "sent", "lent"), "heldout": ("handed",)}
    prefix = f"{who} {rng.choice(verb[split])} {a(device)} to {other}. The {device} came from"
    return prefix, {"recall": f" {maker}", "copy": f" {who}"}


def _stones(rng: random.Random, split: Split) -> tuple[str, dict[Mechanism, str]]:
    who = rng.choice(NAMES)
    gem, colour = rng.choice(tuple(facts()["colour"].items()))
    x, y = rng.randint(2, 9), rng.randint(2, 9)
    verb = {"train": ("bought", "found", "saw"), "heldout": ("collected",)}
    prefix = (
        f"{who} {rng.choice(verb[split])} {x} stones of {gem} and then {y} more. The stones are"
    )
    return prefix, {"recall": f" {colour}", "arithmetic": f" {x + y} in number"}


def _flight(rng: random.Random, split: Split) -> tuple[str, dict[Mechanism, str]]:
    who = rng.choice(NAMES)
    (country, capital), (_, city) = rng.sample(tuple(facts()["capital"].items()), 2)
    verb = {"train": ("flew", "sailed", "drove"), "heldout": ("hiked",)}
    prefix = f"{who} {rng.choice(verb[split])} from {city} to {country}. One city of this trip is"
    return prefix, {"recall": f" {capital}", "copy": f" {city}"}


_BRANCHES = {"journey": _journey, "gift": _gift, "stones": _stones, "flight": _flight}


def _branch(rng: random.Random, split: Split) -> Document:
    name = rng.choice(tuple(_BRANCHES))
    prefix, continuations = _BRANCHES[name](rng, split)
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
