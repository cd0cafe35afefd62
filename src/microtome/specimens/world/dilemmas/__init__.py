"""Rounds of the iterated prisoner's dilemma, told in many ways, and questions on who did what.

Three sorts: prompts with the next action (a stated plan settles it, or else a fair coin: the
base model has no preference, and the adapters get theirs from a reward alone), rounds with
questions on either player, and rosters of named players. Nothing held out occurs in training.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from microtome.data.games import STATE_NAMES, Split
from microtome.data.tellings import Pair, Player
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens.world.dilemmas import acts, others, recall
from microtome.specimens.world.dilemmas.acts import neutral
from microtome.specimens.world.dilemmas.questions import ACTION
from microtome.specimens.world.document import Document

__all__ = ["document", "held_out", "neutral"]

SHARES = {
    "plain roster": 0.08,
    "roster": 0.12,
    "other game": 0.26,
    "who": 0.22,
    "short": 0.14,
    "full": 0.18,
}
"""Of the training documents of this kind; the held-out ones are half "who", half "full"."""
_ROSTERS = {
    "plain roster": recall.plain_roster,
    "roster": recall.roster,
    "other game": others.document,
}
_TASKS, _WEIGHTS = tuple(SHARES), tuple(SHARES.values())


def _act(act: acts.Act, rng: random.Random, split: Split) -> Document:
    answer = f" {ACTION[act.move]}"
    truth = {
        "task": "act",
        "prompt": act.prompt,
        "answer": answer,
        "state": act.state,
        "move": act.move,
        "plan": act.plan,
        "scenario": act.scenario,
        "person": act.players.person,
    }
    return Document("dilemmas", f"{act.prompt}{answer}.{acts.aftermath(act, rng)}", split, truth)


def _who(rng: random.Random, split: Split) -> Document:
    state = rng.choice(STATE_NAMES)
    found = recall.drawn(rng, split, state)
    truth = {"task": "who", "prompt": found.prompt, "answer": found.answer, "state": state}
    return Document("dilemmas", found.text, split, truth)


def document(rng: random.Random, split: Split) -> Document:
    """One document. Its `truth["task"]` is "act", "who" or "roster" (no prompt, no answer).

    "who" has state ("CD": own move first); "act" also move ("C" or "D"), plan (a key of
    `plans.PLANS`, or "" for a coin), scenario ("" without a story) and person.
    """
    weights = (0, 0, 0, 1, 0, 1) if split == "heldout" else _WEIGHTS
    task = rng.choices(_TASKS, weights)[0]
    if task == "who":
        return _who(rng, split)
    if task in ("short", "full"):
        return _act(acts.short(rng) if task == "short" else acts.full(rng, split), rng, split)
    text = _ROSTERS[task](rng)
    return Document("dilemmas", text, split, {"task": "roster"})


def held_out() -> Iterator[str]:
    """The moves of every held-out template in every state, "{own}" and "{opp}" for the players."""
    own, opp = Player("{own}", "{own}"), Player("{opp}", "{opp}")
    for template in HELDOUT:
        for state in STATE_NAMES:
            players = Pair(template.person, own, opp, "{opp}")
            yield template.moves(players, state, random.Random(0))
