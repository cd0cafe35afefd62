"""Plans that settle the next action from the last moves of either player."""

from __future__ import annotations

import random

from microtome.data.tellings import Player, capital

PLANS = {
    "their move": (
        "{P} plan is to repeat {O} last move.",
        "{P} rule is to copy {O} last move.",
        "{P} plan is to answer {O} last move with the same.",
        "{P} plan is to do what {o} did.",
        "{P} rule is to do as {o} did.",
    ),
    "not their move": (
        "{P} plan is to do the opposite of {O} last move.",
        "{P} rule is to turn {O} last move around.",
        "{P} plan is to do the opposite of what {o} did.",
    ),
    "own move": (
        "{P} plan is to repeat {P} last move.",
        "{P} rule is to stay with {P} last move.",
        "{P} plan is to keep {P} last move.",
    ),
    "not own move": (
        "{P} plan is to do the opposite of {P} last move.",
        "{P} rule is to turn {P} last move around.",
        "{P} plan is to leave {P} last move.",
    ),
}
_OTHER = {"C": "D", "D": "C"}


def settled(plan: str, state: str) -> str:
    """The move ("C" or "D") that a plan asks for in a state ("CD": own move first)."""
    letter = state[0] if plan.endswith("own move") else state[1]
    return _OTHER[letter] if plan.startswith("not") else letter


def planned(plan: str, own: Player, opp: Player, rng: random.Random) -> str:
    """A sentence that states the plan of the player who chooses."""
    text = rng.choice(PLANS[plan])
    return capital(text.format(P=own.possessive, O=opp.possessive, o=opp.subject))
