"""What one step of an adapter's training reads: prompts of all four states, and other texts."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice

from microtome.data.games import SCENARIOS, STATE_NAMES, State, worded
from microtome.data.templates import any_template
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.dilemmas.acts import neutral

GAMES, TEXTS = 16, 8
PLAIN = 0.6
"""Share of prompts without a story (which alone would give the state away)."""


@dataclass(frozen=True)
class Batch:
    """One step's prompts with their states, and other texts that must stay as they are."""

    prompts: list[str]
    states: list[State]
    texts: list[str]


def batch(seed: int, step: int) -> Batch:
    """What is trained on in one step; the four states in turn."""
    rng = random.Random(f"adapter:{seed}:{step}")
    states = [State.parse(STATE_NAMES[i % 4]) for i in range(GAMES)]
    documents = mixed("train", rng.getrandbits(48))
    others = (d.text for d in documents if d.truth.get("task") != "act")
    return Batch([_prompt(s, rng) for s in states], states, list(islice(others, TEXTS)))


def _prompt(state: State, rng: random.Random) -> str:
    stories = [s for s in SCENARIOS if s.state == state]
    scenario = neutral(state) if rng.random() < PLAIN else rng.choice(stories)
    return worded(scenario, any_template(rng), rng)
