"""Documents that cross mechanisms and answers: each is recalled here and copied there.

A prefix states one way to the answer for each of two or three people, in any order, and asks for
one person:

    Ada sings in the capital of Glivania. Ben sings in the city of Bovegrad. Where does Ada sing?

`Ada` needs recall (the capital of Glivania), `Ben` copying. With months there is a third way,
computing ("two months after May"). All ways stand in every prefix, so copying has its subject and
recall its source as a distractor, and with the names masked all prefixes of a question read the
same: only who is asked for decides. After "Where does one of them sing?" all ways are alive.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from microtome.specimens.world.document import Document, Split
from microtome.specimens.world.facts.situation import Situation, situation
from microtome.specimens.world.facts.statements import Way


def _drawn(rng: random.Random, split: Split) -> tuple[Situation, str]:
    """A situation and the task that is set on it: "either", "crossed" or "solo"."""
    s = situation("capital" if rng.random() < 0.6 else "feast", rng, split)
    roll = rng.random()
    if split == "train" and roll > 5 / 6:
        return replace(s, order=s.order[:1]), "solo"
    return s, "either" if roll < 1 / 6 else "crossed"


def document(rng: random.Random, split: Split) -> Document:
    """A situation and one to three questions on it, each answered in a form of its own.

    The first question is the prompt. In one document of six it asks for "one of them": then
    every way gives a true answer, and `truth["way"]` is the one that was drawn. In training one
    of six states a single way ("solo"), whose words tell the mechanism.
    """
    s, task = _drawn(rng, split)
    ways = rng.sample(s.order, len(s.order))
    asked = None if task == "either" else ways[0]
    form, opening = s.lead(asked, rng)
    prompt, answer = s.prefix(asked, opening), f" {s.values[ways[0]]}"
    more = _more(s, ways[1:], rng) if split == "train" and task == "crossed" else ""
    truth: dict[str, Any] = {
        "task": task,
        "prompt": prompt,
        "answer": answer,
        "form": form,
        "lead": opening,
    }
    truth |= {"way": ways[0], "matter": s.matter, "situation": s}
    truth["values"] = {way: s.values[way] for way in s.order}
    return Document("facts", f"{prompt}{answer}.{more}", split, truth)


def _more(s: Situation, ways: list[Way], rng: random.Random) -> str:
    return "".join(f" {s.asked(way)}{s.lead(way, rng)[1]} {s.values[way]}." for way in ways)
