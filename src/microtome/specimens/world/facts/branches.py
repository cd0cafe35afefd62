"""Prefixes with two or three true continuations, each by another mechanism and in other words.

`recall` of a fact, `copy` from the prefix, or `arithmetic` on its numbers. One prefix in ten is
held out. Here each mechanism writes its own string; in the crossed set it does not.
"""

from __future__ import annotations

import random
import zlib
from typing import Literal

from microtome.specimens.world.document import NAMES, Document, Split, a
from microtome.specimens.world.facts.table import facts
from microtome.specimens.world.taxonomy import lineage

Mechanism = Literal["recall", "copy", "arithmetic"]


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


def document(rng: random.Random, split: Split) -> Document:
    """A prefix (held out by its hash) and one of its true continuations, drawn uniformly."""
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
