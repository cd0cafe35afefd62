"""Rounds of the iterated prisoner's dilemma, told in many ways, and questions on who did what.

Three sorts: prompts with the next action (a stated plan settles it, or else a fair coin: the
base model has no preference, and the adapters get theirs from a reward alone), rounds with
questions on either player, and rosters of named players. Nothing held out occurs in training.
"""

from __future__ import annotations

import random

from microtome.data.games import STATE_NAMES, Split
from microtome.specimens.world.dilemmas import acts, recall
from microtome.specimens.world.dilemmas.acts import neutral
from microtome.specimens.world.dilemmas.questions import ACTION
from microtome.specimens.world.document import Document

__all__ = ["document", "neutral"]

SHARES = {"plain roster": 0.14, "roster": 0.18, "who": 0.24, "short": 0.2, "full": 0.24}
"""Of the documents of this kind."""
_TASKS, _WEIGHTS = tuple(SHARES), tuple(SHARES.values())


def _act(act: acts.Act, rng: random.Random) -> Document:
    answer = f" {ACTION[act.move]}"
    text = f"{act.prompt}{answer}.{acts.aftermath(act, rng)}"
    truth = {"task": "act", "prompt": act.prompt, "answer": answer, "state": act.state,
             "plan": act.plan, "scenario": act.scenario, "move": act.move,
             "person": act.players.person}  # fmt: skip
    return Document("dilemmas", text, "train", truth)


def document(rng: random.Random, split: Split) -> Document:
    task = rng.choices(_TASKS, _WEIGHTS)[0]
    if task == "plain roster":
        return Document("dilemmas", recall.plain_roster(rng), split, {"task": task})
    if task == "roster":
        return Document("dilemmas", recall.roster(rng), split, {"task": task})
    if task == "who":
        state = rng.choice(STATE_NAMES)
        found = recall.drawn(rng, state)
        truth = {"task": task, "prompt": found.prompt, "answer": found.answer, "state": state}
        return Document("dilemmas", found.text, split, truth)
    return _act(acts.short(rng) if task == "short" else acts.full(rng), rng)
