"""The facts of the world: six relations, 284 facts, the same in every process.

60 countries have a capital, 40 of them a language of ten and 36 a feast in one of twelve months;
50 devices have a maker of twelve, 50 gems a colour of eight. One relation has two keys: twelve
cities had four mayors each, one in each of four years. Cities in groups of four shared the same
four mayors in the order of a Latin square, so no sum of a score for the city and a score for the
year can name them all: what stores this relation has to combine the two keys.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from functools import cache
from typing import Literal

from microtome.specimens.world.document import capital

Relation = Literal["capital", "language", "maker", "colour", "feast"]

COLOURS = ("red", "blue", "green", "yellow", "white", "black", "purple", "brown")
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
YEARS = ("1951", "1952", "1953", "1954")
MAYORS = (
    "Baker", "Carter", "Fisher", "Gardner", "Hunter", "Mason", "Porter", "Potter", "Smith",
    "Tailor", "Turner", "Walker",
)  # fmt: skip
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
def facts() -> Mapping[Relation, Mapping[str, str]]:
    """relation -> {subject: object} of the five relations with one key."""
    rng = random.Random("the facts of the world")
    countries, cities = _names("country", 60, rng), _names("city", 60, rng)
    languages, makers = _names("language", 10, rng), _names("maker", 12, rng)
    return {
        "capital": dict(zip(countries, cities, strict=True)),
        "language": {c: rng.choice(languages) for c in countries[:40]},
        "maker": {d: rng.choice(makers) for d in _names("device", 50, rng)},
        "colour": {g: rng.choice(COLOURS) for g in _names("gem", 50, rng)},
        "feast": dict(zip(countries[24:], rng.sample(MONTHS * 3, 36), strict=True)),
    }


@cache
def mayors() -> Mapping[tuple[str, str], str]:
    """(city, year) -> mayor: the relation with two keys."""
    rng = random.Random("the mayors of the world")
    cities = tuple(facts()["capital"].values())[:12]
    table = {}
    for group in range(3):
        names = rng.sample(MAYORS[4 * group : 4 * group + 4], 4)
        for row, city in enumerate(cities[4 * group : 4 * group + 4]):
            for column, year in enumerate(YEARS):
                table[city, year] = names[(row + column) % 4]
    return table


def whole_words() -> tuple[str, ...]:
    """Subjects and objects that the tokenizer has to keep whole: a study reads their logit."""
    capitals = facts()["capital"]
    return (*capitals, *capitals.values(), *MONTHS, *MAYORS, *COLOURS)
