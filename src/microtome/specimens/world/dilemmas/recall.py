"""Who did what: rounds and questions whose answers differ by the player alone.

A model that counts defections answers these at chance where only one player defected. Plain
rosters ("Ada defected. Ben cooperated. ...") repeat names and moves in the same words: binding
starts there, as induction, and the other words join it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from microtome.data.tellings import (
    NAMES,
    PERSONS,
    Pair,
    Player,
    any_half,
    any_round,
    capital,
    half,
    joined,
    named,
)
from microtome.data.templates import Split
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens.world.dilemmas.questions import any_form, ask_one, ask_who, retold

PLAIN = ("{S} {E}", "{S} played {A}", "{S} chose {A}", "{S} chose to {V}")


@dataclass(frozen=True)
class Recall:
    """A text that starts with a round; its first question is `prompt`, answered by `answer`."""

    text: str
    prompt: str
    answer: str


def asked(players: Sequence[tuple[Player, str]], rng: random.Random, n: int) -> list[str]:
    """`n` retellings or answered questions, the players in a random turn.

    Half of the time all in the same words, so that nothing but the player differs.
    """
    same = any_form(rng) if rng.random() < 0.5 else None
    found: list[str] = []
    while len(found) < n:
        for player, letter in rng.sample(players, len(players)):
            if same is None and rng.random() < 0.35:
                found.append(retold(player, letter, rng))
            else:
                found.append(f"{ask_one(player, letter, same or any_form(rng))}.")
    return found[:n]


def plain_roster(rng: random.Random) -> str:
    """Three to six names and their moves in one frame, told twice or three times."""
    moves = [(named(name), rng.choice("CD")) for name in rng.sample(NAMES, rng.randint(2, 6))]
    frame = rng.choice(PLAIN)
    told = [capital(half(frame, *move)) for move in moves]
    text = told + [t for _ in range(12 // len(moves)) for t in rng.sample(told, len(told))]
    return ". ".join(text[:16]) + "."


def roster(rng: random.Random) -> str:
    """Two to four named players, each move told once and then asked for."""
    moves = [
        (named(name), rng.choice("CD")) for name in rng.sample(NAMES, rng.choice((2, 3, 3, 4)))
    ]
    frame = rng.choice(PLAIN) if rng.random() < 0.5 else ""
    told = [half(frame, *move) if frame else any_half(*move, rng) for move in moves]
    told = [f"{capital(text)}." for text in told]
    return " ".join((*told, *asked(moves, rng, rng.randint(4, 6))))


def one_round(players: Pair, told: str, state: str, rng: random.Random) -> Recall:
    """A round of two players in the words `told`, then who did what, then each alone."""
    question, answer = ask_who(players, state, rng)
    prompt = f"{told} {question} Answer:"
    both = [(players.own, state[0]), (players.opp, state[1])]
    rest = asked(both, rng, rng.randint(2, 4))
    return Recall(" ".join((f"{prompt} {answer}.", *rest)), prompt, f" {answer}")


def drawn(rng: random.Random, split: Split, state: str) -> Recall:
    """A round in the words of a split."""
    if split == "heldout":
        template = rng.choice(HELDOUT)
        players = Pair.draw(template.person, rng)
        return one_round(players, template.moves(players, state, rng), state, rng)
    players = Pair.draw(rng.choice(PERSONS), rng)
    told = _plain(players, state, rng) if rng.random() < 0.3 else any_round(players, state, rng)
    return one_round(players, told, state, rng)


def _plain(players: Pair, state: str, rng: random.Random) -> str:
    frame = rng.choice(PLAIN)
    halves = [half(frame, players.own, state[0]), half(frame, players.opp, state[1])]
    rng.shuffle(halves)
    return joined(halves[0], ". ", halves[1])
