"""Templates of a prisoner's dilemma prompt: person, halves, order of parts, question.

A template leaves open who the other player is, the phrasing of game, actions and payoffs, and
the story. The 24 held-out ones have names; each uses halves, a join or a question that no
training text has, so that a study can resample by template.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from microtome.data import phrases, phrases_asks, phrases_moves
from microtome.data.tellings import PERSONS, Pair, Person, half, joined, summary

Split = Literal["train", "heldout"]
Part = Literal["game", "actions", "payoffs", "moves", "story"]

ORDERS: tuple[tuple[Part, ...], ...] = (
    ("game", "actions", "payoffs", "moves", "story"),
    ("actions", "game", "payoffs", "moves", "story"),
    ("payoffs", "actions", "game", "moves", "story"),
    ("game", "payoffs", "actions", "story", "moves"),
    ("game", "actions", "moves", "payoffs", "story"),
    ("actions", "game", "moves", "story", "payoffs"),
)
HELDOUT_ORDERS: tuple[tuple[Part, ...], ...] = (
    ("payoffs", "game", "actions", "moves", "story"),
    ("game", "moves", "actions", "payoffs", "story"),
    ("actions", "payoffs", "game", "story", "moves"),
)


@dataclass(frozen=True)
class Template:
    """One way to tell a round and to ask for the next action."""

    name: str
    person: Person
    own: str
    opp: str
    join: str
    own_first: bool
    order: tuple[Part, ...]
    ask: str
    summarised: bool = False

    def moves(self, players: Pair, state: str, rng: random.Random) -> str:
        """Both last moves of a state ("CD": own move first)."""
        halves = [half(self.own, players.own, state[0]), half(self.opp, players.opp, state[1])]
        first, second = halves if self.own_first else halves[::-1]
        if self.summarised:
            return f"{summary(players, state, rng)}: {first}{self.join}{second}."
        return joined(first, self.join, second)

    def question(self, players: Pair) -> str:
        """The words that " action1" or " action2" continues."""
        return self.ask.format(S=players.own.subject, P=players.own.possessive)

    def text(self, players: Pair, state: str, payoffs: str, story: str, rng: random.Random) -> str:
        """The prompt; `story` may be empty."""
        intros = phrases.INTROS["you" if self.person == "noun" else self.person]
        parts = {
            "game": rng.choice(intros).format(own=players.own.subject, opp=players.first),
            "actions": rng.choice(phrases.MEANINGS),
            "payoffs": payoffs,
            "moves": self.moves(players, state, rng),
            "story": story,
        }
        texts = [parts[part] for part in self.order if parts[part]]
        return " ".join((*texts, self.question(players)))


def _asks(person: Person) -> tuple[str, ...]:
    return phrases_asks.NAMED_ASKS if person == "names" else phrases_asks.ASKS


def any_template(rng: random.Random) -> Template:
    """A training template, all parts drawn independently."""
    person = rng.choice(PERSONS)
    summarised = rng.random() < 0.15
    return Template(
        "trained",
        person,
        rng.choice(phrases_moves.HALVES),
        rng.choice(phrases_moves.HALVES),
        rng.choice(phrases_moves.JOINS[1:] if summarised else phrases_moves.JOINS),
        rng.random() < 0.5,
        rng.choice(ORDERS),
        rng.choice(_asks(person)),
        summarised,
    )


def training_templates() -> Iterator[Template]:
    """Every training template (millions: take what is needed)."""
    frames, switch = phrases_moves.HALVES, (True, False)
    cells = product(PERSONS, frames, frames, phrases_moves.JOINS, switch, ORDERS, switch)
    for person, own, opp, join, own_first, order, summarised in cells:
        if not (summarised and join == ". "):
            for ask in _asks(person):
                yield Template("trained", person, own, opp, join, own_first, order, ask, summarised)
