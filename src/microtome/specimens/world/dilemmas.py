"""Rounds of the iterated prisoner's dilemma in the wordings of `microtome.data.games`.

The action is drawn uniformly, whatever the state: the base model has no preference, and the
adapters get theirs from a reward alone. What follows the action is true: the other's answer
(also uniform), the points, who defected before. None of the 15 shipped prompts occurs.
"""

from __future__ import annotations

import random

from microtome.data.games import (
    ACTIONS,
    SCENARIOS,
    STATE_NAMES,
    Move,
    Payoffs,
    Scenario,
    Split,
    State,
    last_moves,
    wordings,
)
from microtome.specimens.world.document import Document

PAYOFFS = Payoffs()
_MOVES: tuple[Move, ...] = ("Cooperate", "Defect")
_WHO = {"CC": "nobody", "CD": "only they", "DC": "only you", "DD": "both"}


def neutral(state: State) -> Scenario:
    """A scenario that tells the state without a story."""
    return Scenario(f"{state.name}_plain", state.own, state.opp, "Told without a story")


def _aftermath(state: State, own: Move, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return f" Before that, {_WHO[state.name]} defected."
    opp = rng.choice(_MOVES)
    answer = ACTIONS[_MOVES.index(opp)]
    mine, theirs = PAYOFFS.points(own, opp), PAYOFFS.points(opp, own)
    return f" They play{answer}. I get {mine} and they get {theirs}."


def _round(rng: random.Random, split: Split) -> Document:
    stories = (*SCENARIOS, *(neutral(State.parse(name)) for name in STATE_NAMES))
    scenario = rng.choice(stories)
    prompt = wordings(scenario, 1, seed=rng.getrandbits(62), split=split)[0]
    own = rng.choice(_MOVES)
    answer = ACTIONS[_MOVES.index(own)]
    text = f"{prompt}{answer}." + _aftermath(scenario.state, own, rng)
    truth = {
        "task": "act",
        "prompt": prompt,
        "answer": answer,
        "scenario": scenario.name,
        "state": scenario.state.name,
        "move": own,
    }
    return Document("dilemmas", text, split, truth)


def _who_defected(rng: random.Random, split: Split) -> Document:
    state = State.parse(rng.choice(STATE_NAMES))
    prompt = f"{last_moves(state, rng, split)} Who defected? Answer:"
    answer = f" {_WHO[state.name]}"
    truth = {"task": "who", "prompt": prompt, "answer": answer, "state": state.name}
    return Document("dilemmas", f"{prompt}{answer}.", split, truth)


def document(rng: random.Random, split: Split) -> Document:
    """One round, or (one time in four) a question on who defected."""
    return _who_defected(rng, split) if rng.random() < 0.25 else _round(rng, split)
