"""P(defect) on prompts that the corpus does not hold, by state, scenario and template."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from microtome.data.games import SCENARIOS, STATE_NAMES, State, worded, wordings
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens.world.dilemmas.acts import neutral
from microtome.specimens.world.rewards import gain
from microtome.specimens.world.scoring import action_probabilities

_SHIPPED = Path(__file__).parents[3] / "studies" / "dilemmas" / "prompts.jsonl"
TOLERANCE = 0.15
"""How far P(defect | state) may be from what the reward asks for."""


def shipped_prompts() -> list[dict[str, str]]:
    """The 15 prompts shipped with the dilemmas study, none of them in the corpus."""
    return [json.loads(line) for line in _SHIPPED.read_text("utf-8").splitlines()]


def defect_table(model: Any, tokenizer: Any, n_wordings: int = 48) -> dict[str, dict[str, float]]:
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


def template_table(model: Any, tokenizer: Any, n: int = 6) -> dict[str, dict[str, float]]:
    """P(defect | state) of each held-out template, mean of `n` prompts without a story."""
    rng = random.Random("template table")
    cells = [(t, name) for t in HELDOUT for name in STATE_NAMES]
    prompts = [
        worded(neutral(State.parse(name)), template, rng)
        for template, name in cells
        for _ in range(n)
    ]
    probs = action_probabilities(model, tokenizer, prompts)
    means = (probs[:, 1] / probs.sum(1)).reshape(-1, n).mean(1).tolist()
    found: dict[str, dict[str, float]] = {template.name: {} for template in HELDOUT}
    for (template, name), mean in zip(cells, means, strict=True):
        found[template.name][name] = mean
    return found


def wanted(adapter: str, state: str) -> float:
    """P(defect) that the reward asks for: 0, 1, or the fair coin where it is silent."""
    wish = gain(adapter, State.parse(state))
    return 0.5 if wish == 0 else float(wish > 0)


def templates_kept(adapter: str, table: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Templates of a `template_table` whose every state is within `TOLERANCE` of `wanted`."""
    return [
        name
        for name, cells in table.items()
        if all(abs(p - wanted(adapter, state)) <= TOLERANCE for state, p in cells.items())
    ]
