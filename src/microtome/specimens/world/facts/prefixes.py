"""The crossed set: every answer is recalled after one prefix, copied after another."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from microtome.specimens.world.document import Split
from microtome.specimens.world.facts.forms import LEADS, Form
from microtome.specimens.world.facts.situation import Situation, situation, subjects
from microtome.specimens.world.facts.statements import WAYS, Way


@dataclass(frozen=True)
class Crossed:
    """A prefix with one intended mechanism; `answer` continues it (leading space included).

    `spans` gives for each way of the situation the characters that only this way needs: the
    source of copying, the subject of recall, the operands of computing.
    """

    text: str
    answer: str
    way: Way
    form: Form
    spans: Mapping[Way, tuple[int, int]]
    situation: Situation


def prefix(s: Situation, way: Way, form: Form, rng: random.Random) -> Crossed:
    """The crossed prefix of one way of a situation, up to the answer."""
    _, opening = s.lead(way, rng, form)
    spans = {w: s.span(w) for w in s.order}
    return Crossed(s.prefix(way, opening), f" {s.values[way]}", way, form, spans, s)


@cache
def crossed(split: Split = "heldout", seed: int = 0) -> tuple[Crossed, ...]:
    """Each answer by each way that can give it, in each surface form, in a held-out wording.

    60 cities by two ways and 12 months by three, times three forms: 468 prefixes.
    """
    rng = random.Random(f"crossed:{split}:{seed}")
    return tuple(
        prefix(situation(matter, rng, split, (way, value)), way, form, rng)
        for form in LEADS
        for matter, ways in WAYS.items()
        for value in subjects(matter)
        for way in ways
    )
