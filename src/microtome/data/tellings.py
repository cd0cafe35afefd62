"""Who plays, and a round told: the players as sentences name them, and their moves in halves."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from microtome.data.phrases_moves import HALVES, JOINS, SUMMARIES

Person = Literal["you", "noun", "I", "names"]
"""Own and other: "you" and "they", "you" and "your partner", "I" and "they", two names."""
PERSONS: tuple[Person, ...] = ("you", "noun", "I", "names")
SUMMARISED = 0.15
"""Share of trained rounds that a summary opens ("Only they defected: ...")."""


@dataclass(frozen=True)
class Player:
    """A player in a sentence: subject ("you", "Ada") and possessive ("your", "Ada's")."""

    subject: str
    possessive: str


def named(name: str) -> Player:
    """The player of that name ("Ada", "the stranger")."""
    return Player(name, f"{name}'s")


NAMES = ("Ada", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry")
OPPONENTS = (
    ("the other player", "the other player"),
    ("another player", "the other player"),
    ("your partner", "your partner"),
    ("your opponent", "your opponent"),
    ("a stranger", "the stranger"),
    ("your neighbour", "your neighbour"),
)
"""The other player at first mention, and later."""
_YOU, _ME, _THEY = Player("you", "your"), Player("I", "my"), Player("they", "their")
_NAMED = tuple(map(named, NAMES))


@dataclass(frozen=True)
class Pair:
    """The two players of a game; `first` is how the other one is first mentioned."""

    person: Person
    own: Player
    opp: Player
    first: str

    @classmethod
    def draw(cls, person: Person, rng: random.Random) -> Pair:
        """Two players seen from that person."""
        if person == "names":
            own, opp = rng.sample(_NAMED, 2)
            return cls(person, own, opp, opp.subject)
        first, later = rng.choice(OPPONENTS)
        if person == "I":
            return cls(person, _ME, _THEY, first.replace("your", "my"))
        return cls(person, _YOU, _THEY if person == "you" else named(later), first)


_WORDS = {
    "C": {"A": "action1", "V": "cooperate", "E": "cooperated"},
    "D": {"A": "action2", "V": "defect", "E": "defected"},
}


def capital(text: str) -> str:
    """First letter in upper case; the names of the actions stay as they are."""
    return text if text.startswith("action") else text[0].upper() + text[1:]


def half(frame: str, player: Player, letter: str) -> str:
    """One player's move ("C" or "D") in a frame of `phrases_moves`."""
    return frame.format(S=player.subject, P=player.possessive, **_WORDS[letter])


def joined(first: str, join: str, second: str) -> str:
    """Two halves as one sentence or two, with the full stop."""
    return f"{capital(first)}{join}{capital(second) if join == '. ' else second}."


def any_half(player: Player, letter: str, rng: random.Random) -> str:
    """One player's move in a trained frame."""
    return half(rng.choice(HALVES), player, letter)


def summary(players: Pair, state: str, rng: random.Random) -> str:
    """What both did, in a few words and without a full stop."""
    frame = rng.choice(SUMMARIES[state])
    return capital(frame.format(S=players.own.subject, O=players.opp.subject))


def any_round(players: Pair, state: str, rng: random.Random) -> str:
    """Both moves of a state ("CD": own move first) in trained words, in either order."""
    halves = [any_half(players.own, state[0], rng), any_half(players.opp, state[1], rng)]
    if rng.random() < 0.5:
        halves.reverse()
    if rng.random() < SUMMARISED:
        return f"{summary(players, state, rng)}: {halves[0]}{rng.choice(JOINS[1:])}{halves[1]}."
    return joined(halves[0], rng.choice(JOINS), halves[1])
