"""Which mechanisms answer: confirmed by ablation, several at once, one with many continuations."""

from __future__ import annotations

import math
import random
from typing import Any

from microtome.specimens.world.ability import Ability
from microtome.specimens.world.facts.confirm import confirm
from microtome.specimens.world.facts.prefixes import Crossed, crossed
from microtome.specimens.world.facts.situation import Situation, situation
from microtome.specimens.world.facts.statements import Way
from microtome.specimens.world.scoring import scores


def _of_answers(n: int) -> list[Crossed]:
    """All crossed prefixes of every answer (from `n` = 200 on) or of a share of the answers."""
    answers = sorted({p.answer for p in crossed()})
    random.Random("abilities: crossed").shuffle(answers)
    chosen = set(answers[: max(8, len(answers) * n // 200)])
    return [p for p in crossed() if p.answer in chosen]


def crossed_set(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Intended mechanisms confirmed by ablation, and answers that have two of them."""
    checked = confirm(model, tokenizer, _of_answers(n))
    found = []
    for way in ("recall", "copy", "compute"):
        own = [c for c in checked if c.prefix.way == way]
        meaning = f"{way} confirmed by ablation"
        confirmed = [c.confirmed for c in own]
        answers = [c.prefix.answer for c in own]
        name = f"facts.crossed.{way}"
        found.append(Ability.share(name, confirmed, 0.90, meaning, clusters=answers))
    ways: dict[str, set[str]] = {c.prefix.answer: set() for c in checked}
    for c in checked:
        if c.confirmed:
            ways[c.prefix.answer].add(c.prefix.way)
    twice = ["recall" in w and len(w) > 1 for w in ways.values()]
    meaning = "answers confirmed by recall and by another way (40 of 72 asked for)"
    return [*found, Ability.share("facts.crossed.answers", twice, 40 / 72, meaning)]


def _situations(n: int, name: str) -> list[Situation]:
    rng = random.Random(f"abilities: {name}")
    return [situation(("capital", "feast")[i % 2], rng, "heldout") for i in range(n)]


def _by_form(model: Any, tokenizer: Any, s: Situation, way: Way | None) -> list[list[float]]:
    """P(lead and value) after a question, "value lead", of all values or of a way's."""
    values = list(s.values.values()) if way is None else [s.values[way]]
    starts = [lead for _, lead in s.leads(way)]
    pairs = [(s.prefix(way), f"{start} {value}.") for value in values for start in starts]
    found = [math.exp(one.log_prob) for one in scores(model, tokenizer, pairs)]
    return [found[i : i + len(starts)] for i in range(0, len(found), len(starts))]


def several(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Prefixes in which two or three mechanisms are alive, in the same words."""
    alive = []
    for s in _situations(min(n, 64), "several"):
        mass = _by_form(model, tokenizer, s, None)
        alive.append(sum(sum(row) >= 0.10 for row in mass) >= 2)
    meaning = "prefixes with 2-3 mechanisms at 0.10 or more each (32 of 64 asked for)"
    return [Ability.share("facts.several_mechanisms", alive, 0.5, meaning)]


def single(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Prefixes that one mechanism continues in many ways."""
    many = []
    for s in _situations(n, "single"):
        way = s.order[0]
        (mass,) = _by_form(model, tokenizer, s, way)
        many.append(sum(mass) >= 0.9 and sum(p >= 0.02 for p in mass) >= 8)
    meaning = "prefixes with one mechanism (mass 0.9) and 8 continuations of P 0.02 (100 of 200)"
    return [Ability.share("facts.one_mechanism", many, 0.5, meaning)]
