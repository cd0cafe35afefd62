"""Questions on a round that is over: on one player at a time, or on who did something."""

from __future__ import annotations

import random

from microtome.data.tellings import Pair, Player, any_half, capital

ACTION = {"C": "action1", "D": "action2"}
PAST = {"C": "cooperated", "D": "defected"}
ONE = {
    "action": (
        "What did {S} play?",
        "Which action did {S} choose?",
        "What was {P} last move?",
        "Which action did {S} take?",
        "What was {P} choice?",
    ),
    "past": ("What did {S} do?", "What happened: {S}", "Tell what {S} did:"),
    "defected": ("Did {S} defect?", "Did {S} play action2?", "Did {S} choose to defect?"),
    "cooperated": ("Did {S} cooperate?", "Did {S} play action1?", "Did {S} choose to cooperate?"),
}
WHO = {
    "D": ("Who defected?", "Who played action2?", "Who chose to defect?"),
    "C": ("Who cooperated?", "Who played action1?", "Who chose to cooperate?"),
}


def answer_one(kind: str, letter: str) -> str:
    """What is true of a player who moved `letter`."""
    if kind == "action":
        return ACTION[letter]
    if kind == "past":
        return PAST[letter]
    return "yes" if (kind == "defected") == (letter == "D") else "no"


_FORMS = tuple((kind, form) for kind, forms in ONE.items() for form in forms)


def any_form(rng: random.Random) -> tuple[str, str]:
    """A kind of question on one player, and its words."""
    return rng.choice(_FORMS)


def ask_one(player: Player, letter: str, form: tuple[str, str]) -> str:
    """A question on one player in a form of `any_form`, with its answer and no full stop."""
    kind, words = form
    question = words.format(S=player.subject, P=player.possessive)
    return f"{question} {answer_one(kind, letter)}"


def who(players: Pair, state: str, letter: str) -> str:
    """Who moved `letter`: "both", "nobody", or the one player."""
    if state[0] == state[1]:
        return "both" if state[0] == letter else "nobody"
    return (players.own if state[0] == letter else players.opp).subject


def ask_who(players: Pair, state: str, rng: random.Random) -> tuple[str, str]:
    """A question on who moved how, and its answer."""
    letter = rng.choice("CD")
    return rng.choice(WHO[letter]), who(players, state, letter)


def retold(player: Player, letter: str, rng: random.Random) -> str:
    """One player's move once more, in other words."""
    return f"{capital(any_half(player, letter, rng))}."
