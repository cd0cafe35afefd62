"""What the specimen can do on documents it was not trained on: a table with the bar of each.

Every ability is measured on held-out wordings or combinations (see the generators); the same
functions fill `weights/abilities.json` and check the shipped weights against it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microtome.data.games import SCENARIOS, STATE_NAMES, State, wordings
from microtome.specimens.world.ability import Ability
from microtome.specimens.world.arithmetic.abilities import abilities as arithmetic
from microtome.specimens.world.corpus import documents
from microtome.specimens.world.dilemmas import neutral
from microtome.specimens.world.document import Document, Kind
from microtome.specimens.world.facts.abilities import abilities as facts
from microtome.specimens.world.physics.abilities import abilities as physics
from microtome.specimens.world.scoring import action_probabilities, scores
from microtome.specimens.world.taxonomy.abilities import abilities as taxonomy

_SHIPPED = Path(__file__).parents[2] / "studies" / "dilemmas" / "prompts.jsonl"


def shipped_prompts() -> list[dict[str, str]]:
    """The 15 prompts shipped with the dilemmas study, none of them in the corpus."""
    return [json.loads(line) for line in _SHIPPED.read_text("utf-8").splitlines()]


def _tasks(kind: Kind, task: str, n: int, seed: int = 7) -> list[Document]:
    found = documents(kind, "heldout", seed, 12 * n)
    return [d for d in found if d.truth["task"] == task][:n]


def _greedy_share(model: Any, tokenizer: Any, docs: list[Document]) -> float:
    pairs = [(d.truth["prompt"], d.truth["answer"]) for d in docs]
    return sum(s.greedy for s in scores(model, tokenizer, pairs)) / len(docs)




def dilemmas(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """No mass beside the two actions, and no preference between them in any state."""
    prompts = [row["prompt"] for row in shipped_prompts()]
    prompts += [p for s in SCENARIOS for p in wordings(s, max(2, n // 5), seed=11)]
    probs = action_probabilities(model, tokenizer, prompts)
    neither = float((1 - probs.sum(1)).max())
    share = probs[:, 1] / probs.sum(1)
    table = defect_table(model, tokenizer, n_wordings=max(2, n // 5))["states"]
    worst = max(abs(p - 0.5) for p in table.values())
    return [
        Ability("dilemmas.neither", neither, 0.01, "below", len(prompts), "largest P(neither)"),
        Ability(
            "dilemmas.bias", worst, 0.10, "below", len(share), "largest distance of P(D) from 1/2"
        ),
    ]


def measure(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Every ability of the base model, each on up to `n` held-out documents."""
    parts = (taxonomy, arithmetic, physics, dilemmas, facts)
    return [ability for part in parts for ability in part(model, tokenizer, n)]


def defect_table(model: Any, tokenizer: Any, n_wordings: int = 20) -> dict[str, dict[str, float]]:
    """Mean P(action2) / (P(action1) + P(action2)) on prompts the corpus does not hold.

    Keys: "states" (held-out wordings without a story), "wordings" (held-out wordings of each
    scenario), "shipped" (its three shipped prompts) and "neither" (the largest mass that any
    of these prompts leaves beside the two actions).
    """
    rows = shipped_prompts()
    table: dict[str, Mapping[str, list[str]]] = {
        "states": {
            name: wordings(neutral(State.parse(name)), n_wordings, seed=5) for name in STATE_NAMES
        },
        "wordings": {s.name: wordings(s, n_wordings, seed=5) for s in SCENARIOS},
        "shipped": {
            s.name: [r["prompt"] for r in rows if r["scenario"] == s.name] for s in SCENARIOS
        },
    }
    found: dict[str, dict[str, float]] = {}
    neither = 0.0
    for part, cells in table.items():
        found[part] = {}
        for name, prompts in cells.items():
            probs = action_probabilities(model, tokenizer, prompts)
            found[part][name] = float((probs[:, 1] / probs.sum(1)).mean())
            neither = max(neither, float((1 - probs.sum(1)).max()))
    return {**found, "neither": {"largest": neither}}
