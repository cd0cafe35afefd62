"""Who defected last, and a fair coin between two actions, on held-out and shipped prompts."""

from __future__ import annotations

import random
from typing import Any

from microtome.data.games import SCENARIOS, STATE_NAMES, wordings
from microtome.data.tellings import Pair
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens.world.ability import Ability
from microtome.specimens.world.dilemmas.plans import PLANS, planned, settled
from microtome.specimens.world.dilemmas.questions import ACTION, who
from microtome.specimens.world.dilemmas.tables import defect_table, shipped_prompts
from microtome.specimens.world.scoring import action_probabilities, scores

WHO = " Who defected? Answer:"


def who_defected(n: int, seed: int = 7) -> dict[str, list[tuple[str, str]]]:
    """State -> `n` rounds in held-out templates, asked for who defected, with the answer."""
    rng = random.Random(seed)
    found: dict[str, list[tuple[str, str]]] = {state: [] for state in STATE_NAMES}
    for state, pairs in found.items():
        for i in range(n):
            template = HELDOUT[i % len(HELDOUT)]
            players = Pair.draw(template.person, rng)
            told = template.moves(players, state, rng)
            pairs.append((told + WHO, f" {who(players, state, 'D')}"))
    return found


def shipped_who() -> list[tuple[str, str]]:
    """Every shipped prompt and either action after it, then who defected before."""
    answers = {"CC": "nobody", "CD": "they", "DC": "you", "DD": "both"}
    return [
        (f"{row['prompt']} {action}. Before that:{WHO}", f" {answers[row['scenario'][:2]]}")
        for row in shipped_prompts()
        for action in ACTION.values()
    ]


def follows_plan(n: int, seed: int = 8) -> list[tuple[str, str]]:
    """`n` rounds in held-out templates after a plan, with the action that the plan asks for."""
    rng = random.Random(seed)
    found = []
    for i in range(n):
        template, state = HELDOUT[i % len(HELDOUT)], rng.choice(STATE_NAMES)
        players, plan = Pair.draw(template.person, rng), rng.choice(tuple(PLANS))
        told = template.moves(players, state, rng)
        said = planned(plan, players.own, players.opp, rng)
        prompt = f"{said} {told} {template.question(players)}"
        found.append((prompt, f" {ACTION[settled(plan, state)]}"))
    return found


def _greedy(model: Any, tokenizer: Any, pairs: list[tuple[str, str]]) -> list[bool]:
    return [one.greedy for one in scores(model, tokenizer, pairs)]


def _named(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    found = []
    for state, pairs in who_defected(n).items():
        meaning = f"names who defected last, {state}, held-out templates"
        named = _greedy(model, tokenizer, pairs)
        found.append(Ability.share(f"dilemmas.who_{state}", named, 0.95, meaning))
    shipped = _greedy(model, tokenizer, shipped_who())
    followed = _greedy(model, tokenizer, follows_plan(n))
    return [
        *found,
        Ability.share("dilemmas.who_shipped", shipped, 0.95,
                      "names who defected last, shipped prompts"),
        Ability.share("dilemmas.plan", followed, 0.90, "acts as a plan asks, held-out templates"),
    ]  # fmt: skip


def abilities(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Who defected last, by state; nothing but the two actions, and no preference for one."""
    prompts = [p for s in SCENARIOS for p in wordings(s, max(2, n // 5), seed=11)]
    neither = [
        float((1 - action_probabilities(model, tokenizer, texts).sum(1)).max())
        for texts in (prompts, [row["prompt"] for row in shipped_prompts()])
    ]
    table = defect_table(model, tokenizer, n_wordings=max(4, n // 4))["states"]
    worst = max(abs(p - 0.5) for p in table.values())
    return [
        *_named(model, tokenizer, n),
        Ability("dilemmas.neither", neither[0], 0.01, "below", len(prompts),
                "largest P(neither), held-out templates"),
        Ability("dilemmas.neither_shipped", neither[1], 0.01, "below", 15,
                "largest P(neither), shipped prompts"),
        Ability("dilemmas.bias", worst, 0.10, "below", 4 * max(4, n // 4),
                "largest distance of P(D) from 1/2"),
    ]  # fmt: skip
