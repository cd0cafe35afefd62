"""The crossed set: every answer is recalled after one prefix, copied after another.

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
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from microtome.specimens.world.document import NAMES, Document, Split
from microtome.specimens.world.facts.forms import LEADS, NOUNS, Form, lead, leads
from microtome.specimens.world.facts.table import MONTHS, facts

Way = Literal["recall", "copy", "compute"]
Matter = Literal["capital", "feast"]

WAYS: dict[Matter, tuple[Way, ...]] = {
    "capital": ("recall", "copy"),
    "feast": ("recall", "copy", "compute"),
}
"""What is asked for -> the mechanisms that can give it."""
STEPS = ("one month", "two months", "three months")
FRAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        "{p} {vs} {x}.",
        "{p} always {vs} {x}.",
        "These days {p} {vs} {x}.",
        "We hear that {p} {vs} {x}.",
        "{p} is happy and {vs} {x}.",
        "My friend {p} {vs} {x}.",
        "{p} from our school {vs} {x}.",
    ),
    "heldout": ("My teacher says that {p} {vs} {x}.", "{p} is our friend and {vs} {x}."),
}
"""Statements: person {p}, verb {vs}, way {x}."""
ASKS: dict[Split, tuple[str, ...]] = {
    "train": (
        "{W} does {p} {v}?",
        "Do you know {w} {p} {vs}?",
        "Tell me {w} {p} {vs}.",
        "The question is {w} {p} {vs}.",
        "So {w} does {p} {v}?",
        "Who knows {w} {p} {vs}?",
    ),
    "heldout": ("Everybody knows {w} {p} {vs}.", "And {w} does {p} {v}?"),
}
"""Questions: {W} is "Where" or "When"."""
VERBS: dict[Matter, dict[Split, tuple[str, ...]]] = {
    "capital": {
        "train": ("live", "work", "study", "stay", "wait", "sleep", "sing", "paint", "cook"),
        "heldout": ("rest", "swim", "dance"),
    },
    "feast": {
        "train": ("arrive", "leave", "return", "travel", "move", "begin", "rest", "swim", "dance"),
        "heldout": ("sing", "paint", "cook"),
    },
}
"""Verbs of one matter that are held out occur with the other, so every word is known."""
_WHERE: dict[Matter, str] = {"capital": "where", "feast": "when"}


@dataclass(frozen=True)
class Situation:
    """Ways to an answer, one a person, and how they are worded.

    `values` has the answer of each way; `keys` what the way is worded with (country, city; month
    and step); `people` who goes it. `order` is the order of the statements.
    """

    matter: Matter
    people: Mapping[Way, str]
    keys: Mapping[Way, tuple[str, ...]]
    values: Mapping[Way, str]
    order: tuple[Way, ...]
    verb: str
    frame: str
    ask: str

    def stated(self, way: Way) -> str:
        """The statement of one way."""
        x = _way(self.matter, way, self.keys[way])
        return self.frame.format(p=self.people[way], vs=_third(self.verb), x=x)

    @property
    def story(self) -> str:
        """All statements, in their order."""
        return " ".join(self.stated(way) for way in self.order)

    def asked(self, way: Way | None) -> str:
        """The question for the person of a way; None: for one of them."""
        who = "one of them" if way is None else self.people[way]
        where = _WHERE[self.matter]
        return self.ask.format(
            p=who, v=self.verb, vs=_third(self.verb), w=where, W=where.capitalize()
        )

    def leads(self, way: Way | None) -> tuple[tuple[Form, str], ...]:
        """Every (form, lead) of an answer; the last begins the statement of the person again."""
        who = "One of them" if way is None else self.people[way]
        noun = NOUNS[self.matter].lower()
        return (*leads(self.matter), ("sentence", f" {who} {_third(self.verb)} in {noun}"))

    def lead(
        self, way: Way | None, rng: random.Random, form: Form | None = None
    ) -> tuple[Form, str]:
        """A form (drawn, unless given) and one of its leads."""
        form, found = lead(self.matter, rng, form)
        again = form == "sentence" and rng.random() < 1 / 3
        return self.leads(way)[-1] if again else (form, found)

    def prefix(self, way: Way | None, lead: str = "") -> str:
        """Story, question and the lead of a surface form."""
        return f"{self.story} {self.asked(way)}{lead}"

    def span(self, way: Way) -> tuple[int, int]:
        """Characters of the prefix, from a way's keys to the end of its statement."""
        before = self.order[: self.order.index(way)]
        start = sum(len(self.stated(w)) + 1 for w in before)
        statement = self.stated(way)
        first = self.keys[way][0]
        return start + statement.rindex(first), start + len(statement)


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


def _third(verb: str) -> str:
    return f"{verb[:-1]}ies" if verb.endswith("dy") else f"{verb}s"


def _way(matter: Matter, way: Way, keys: tuple[str, ...]) -> str:
    if matter == "capital":
        return f"in the {'capital' if way == 'recall' else 'city'} of {keys[0]}"
    if way == "compute":
        return f"{keys[0]} after {keys[1]}"
    return f"at the feast of {keys[0]}" if way == "recall" else f"in the month of {keys[0]}"


def after(month: str, step: str) -> str:
    """The month that is one, two or three months after a month."""
    return MONTHS[(MONTHS.index(month) + STEPS.index(step) + 1) % 12]


def _operands(month: str, avoided: list[str], rng: random.Random) -> tuple[str, str]:
    """(step, month) that lead to a month; the operand is none of the other ways' answers."""
    at = MONTHS.index(month)
    pairs = [(step, MONTHS[at - 1 - i]) for i, step in enumerate(STEPS)]
    return rng.choice([pair for pair in pairs if pair[1] not in avoided])


@cache
def _subjects(matter: Matter) -> Mapping[str, tuple[str, ...]]:
    """value -> subjects of which it is recalled."""
    found: dict[str, list[str]] = {}
    for subject, value in facts()[matter].items():
        found.setdefault(value, []).append(subject)
    return {value: tuple(many) for value, many in found.items()}


def _keys(
    matter: Matter, way: Way, values: Mapping[Way, str], rng: random.Random
) -> tuple[str, ...]:
    if way == "recall":
        return (rng.choice(_subjects(matter)[values[way]]),)
    if way == "compute":
        return _operands(values[way], list(values.values()), rng)
    return (values[way],)


def _wording(matter: Matter, rng: random.Random, split: Split) -> tuple[str, str, str]:
    """Frame, question and verb; held out is exactly one of the three."""
    new = rng.randrange(3) if split == "heldout" else -1
    many = (FRAMES, ASKS, VERBS[matter])
    found = [rng.choice(m["heldout" if i == new else "train"]) for i, m in enumerate(many)]
    return found[0], found[1], found[2]


def situation(
    matter: Matter, rng: random.Random, split: Split, fixed: tuple[Way, str] | None = None
) -> Situation:
    """A situation whose ways lead to different values; `fixed` sets the value of one way."""
    ways = WAYS[matter]
    drawn = rng.sample(tuple(_subjects(matter)), len(ways))
    if fixed and fixed[1] not in drawn:
        drawn[ways.index(fixed[0])] = fixed[1]
    elif fixed:
        here, there = ways.index(fixed[0]), drawn.index(fixed[1])
        drawn[here], drawn[there] = drawn[there], drawn[here]
    values = dict(zip(ways, drawn, strict=True))
    frame, ask, verb = _wording(matter, rng, split)
    return Situation(
        matter,
        dict(zip(ways, rng.sample(NAMES, len(ways)), strict=True)),
        {way: _keys(matter, way, values, rng) for way in ways},
        values,
        tuple(rng.sample(ways, len(ways))),
        verb,
        frame,
        ask,
    )


def document(rng: random.Random, split: Split) -> Document:
    """A situation and one to three questions on it, each answered in a form of its own.

    The first question is the prompt. In one document of six it asks for "one of them": then
    every way gives a true answer, and `truth["way"]` is the one that was drawn. In training one
    of six states a single way ("solo"), whose words tell the mechanism.
    """
    s = situation("capital" if rng.random() < 0.6 else "feast", rng, split)
    roll = rng.random()
    if split == "train" and roll > 5 / 6:
        s = replace(s, order=s.order[:1])
    task = "either" if roll < 1 / 6 else "crossed" if len(s.order) > 1 else "solo"
    ways = rng.sample(s.order, len(s.order))
    asked = None if task == "either" else ways[0]
    form, opening = s.lead(asked, rng)
    prompt, answer = s.prefix(asked, opening), f" {s.values[ways[0]]}"
    more = _more(s, ways[1:], rng) if split == "train" and task == "crossed" else ""
    truth = {
        "task": task,
        "prompt": prompt,
        "answer": answer,
        "way": ways[0],
        "form": form,
        "lead": opening,
        "matter": s.matter,
        "values": {way: s.values[way] for way in s.order},
        "situation": s,
    }
    return Document("facts", f"{prompt}{answer}.{more}", split, truth)


def _more(s: Situation, ways: list[Way], rng: random.Random) -> str:
    return "".join(f" {s.asked(way)}{s.lead(way, rng)[1]} {s.values[way]}." for way in ways)


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
        for value in _subjects(matter)
        for way in ways
    )
