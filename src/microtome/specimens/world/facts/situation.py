"""A situation: two or three people who each have another way to an answer, and its words."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from microtome.specimens.world.document import NAMES, Split
from microtome.specimens.world.facts.forms import NOUNS, Form, lead, leads
from microtome.specimens.world.facts.statements import (
    ASKS,
    FRAMES,
    STEPS,
    VERBS,
    WAYS,
    WHERE,
    Matter,
    Way,
    third,
    worded,
)
from microtome.specimens.world.facts.table import MONTHS, facts


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
        x = worded(self.matter, way, self.keys[way])
        return self.frame.format(p=self.people[way], vs=third(self.verb), x=x)

    @property
    def story(self) -> str:
        """All statements, in their order."""
        return " ".join(self.stated(way) for way in self.order)

    def asked(self, way: Way | None) -> str:
        """The question for the person of a way; None: for one of them."""
        who = "one of them" if way is None else self.people[way]
        where = WHERE[self.matter]
        return self.ask.format(
            p=who, v=self.verb, vs=third(self.verb), w=where, W=where.capitalize()
        )

    def leads(self, way: Way | None) -> tuple[tuple[Form, str], ...]:
        """Every (form, lead) of an answer; the last begins the statement of the person again."""
        who = "One of them" if way is None else self.people[way]
        noun = NOUNS[self.matter].lower()
        return (*leads(self.matter), ("sentence", f" {who} {third(self.verb)} in {noun}"))

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


def after(month: str, step: str) -> str:
    """The month that is one, two or three months after a month."""
    return MONTHS[(MONTHS.index(month) + STEPS.index(step) + 1) % 12]


def _operands(month: str, avoided: list[str], rng: random.Random) -> tuple[str, str]:
    """(step, month) that lead to a month; the operand is none of the other ways' answers."""
    at = MONTHS.index(month)
    pairs = [(step, MONTHS[at - 1 - i]) for i, step in enumerate(STEPS)]
    return rng.choice([pair for pair in pairs if pair[1] not in avoided] or pairs)


@cache
def subjects(matter: Matter) -> Mapping[str, tuple[str, ...]]:
    """value -> subjects of which it is recalled."""
    found: dict[str, list[str]] = {}
    for subject, value in facts()[matter].items():
        found.setdefault(value, []).append(subject)
    return {value: tuple(many) for value, many in found.items()}


def keys_of(
    matter: Matter, way: Way, value: str, avoided: list[str], rng: random.Random
) -> tuple[str, ...]:
    """What a way to a value is worded with; an operand is none of the avoided values if it can."""
    if way == "recall":
        return (rng.choice(subjects(matter)[value]),)
    return _operands(value, avoided, rng) if way == "compute" else (value,)


def wording(matter: Matter, rng: random.Random, split: Split) -> tuple[str, str, str]:
    """Frame, question and verb; held out is exactly one of the three."""
    new = rng.randrange(3) if split == "heldout" else -1
    many = (FRAMES, ASKS, VERBS[matter])
    found = [rng.choice(m["heldout" if i == new else "train"]) for i, m in enumerate(many)]
    return found[0], found[1], found[2]


def _values(matter: Matter, rng: random.Random, fixed: tuple[Way, str] | None) -> dict[Way, str]:
    """A value for each way, all different; the fixed one changes places if it was drawn."""
    ways = WAYS[matter]
    drawn = rng.sample(tuple(subjects(matter)), len(ways))
    if fixed:
        here = ways.index(fixed[0])
        if fixed[1] in drawn:
            drawn[drawn.index(fixed[1])] = drawn[here]
        drawn[here] = fixed[1]
    return dict(zip(ways, drawn, strict=True))


def situation(
    matter: Matter, rng: random.Random, split: Split, fixed: tuple[Way, str] | None = None
) -> Situation:
    """A situation whose ways lead to different values; `fixed` sets the value of one way."""
    ways, values = WAYS[matter], _values(matter, rng, fixed)
    frame, ask, verb = wording(matter, rng, split)
    return Situation(
        matter,
        dict(zip(ways, rng.sample(NAMES, len(ways)), strict=True)),
        {way: keys_of(matter, way, values[way], [*values.values()], rng) for way in ways},
        values,
        tuple(rng.sample(ways, len(ways))),
        verb,
        frame,
        ask,
    )
