"""Documents that call the roll: three to five people, each with a way of her own, all asked for.

    Ada sings in the city of Bovegrad. Ben sings in the capital of Glivania. Leo sings in the city
    of Malaville. Where does Ben sing? Zovagrad. Where does Leo sing? It is Malaville. ...

The ways are drawn with repetition, so that nothing but the name decides; every person is asked for
in turn. That binds names to statements, which documents with one question teach too slowly.
"""

from __future__ import annotations

import random

from microtome.specimens.world.document import NAMES, Document
from microtome.specimens.world.facts.situation import Situation, keys_of, subjects, wording
from microtome.specimens.world.facts.statements import WAYS, Matter

_PEOPLE = {"capital": (3, 5), "feast": (3, 4)}


def document(rng: random.Random) -> Document:
    """Statements on people and a question on each; `truth["values"]`: person -> value."""
    matter: Matter = "capital" if rng.random() < 0.5 else "feast"
    n = rng.randint(*_PEOPLE[matter])
    values = dict(zip(rng.sample(NAMES, n), rng.sample(tuple(subjects(matter)), n), strict=True))
    words = wording(matter, rng, "train")
    stated = [_alone(matter, who, values, words, rng) for who in values]
    asked = (_asked(s, rng) for s in rng.sample(stated, n))
    text = " ".join((*(s.story for s in stated), *asked))
    return Document("facts", text, "train", {"task": "roll", "matter": matter, "values": values})


def _alone(
    matter: Matter, who: str, values: dict[str, str], words: tuple[str, ...], rng: random.Random
) -> Situation:
    """One person's statement, as a situation with one way; operands are nobody's answer."""
    way, value, (frame, ask, verb) = rng.choice(WAYS[matter]), values[who], words
    keys = keys_of(matter, way, value, list(values.values()), rng)
    return Situation(
        matter, {way: who}, {way: keys}, {way: value}, (way,), verb=verb, frame=frame, ask=ask
    )


def _asked(s: Situation, rng: random.Random) -> str:
    (way,) = s.order
    return f"{s.asked(way)}{s.lead(way, rng)[1]} {s.values[way]}."
