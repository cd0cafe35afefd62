"""What the specimen knows of its facts, by which mechanism, and where it is confidently wrong."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from microtome.specimens.world.ability import Ability
from microtome.specimens.world.document import Document
from microtome.specimens.world.facts import recall
from microtome.specimens.world.facts.ablation import Span, probabilities, without_mlps
from microtome.specimens.world.facts.branches import document as branch
from microtome.specimens.world.facts.confirm import confirm
from microtome.specimens.world.facts.prefixes import Crossed, crossed
from microtome.specimens.world.facts.rules import shortcuts
from microtome.specimens.world.facts.situation import Situation, situation
from microtome.specimens.world.facts.statements import Way
from microtome.specimens.world.facts.table import facts, mayors
from microtome.specimens.world.scoring import scores


def _share(
    name: str, values: Sequence[bool], bar: float, meaning: str, prefix: str = "facts"
) -> Ability:
    share = sum(values) / len(values)
    return Ability(f"{prefix}.{name}", share, bar, "at least", len(values), meaning)


def _held_out(n: int) -> list[Document]:
    rng = random.Random("abilities: recall")
    return [recall.document(rng, "heldout") for _ in range(8 * n)]


def recalled(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Greedy recall after unseen leads, in unseen wordings, and of facts with two keys."""
    docs = [d.truth for d in _held_out(n)]
    groups = {
        "recall": ("recalls a fact after an unseen lead", "lead", False),
        "wording": ("recalls a fact in an unseen wording", "wording", False),
        "two_keys": ("names the mayor of a city in a year", None, True),
    }
    found = []
    for name, (meaning, unseen, two) in groups.items():
        own = [t for t in docs if ("year" in t) == two and unseen in (None, t["unseen"])][:n]
        greedy = scores(model, tokenizer, [(t["prompt"], t["answer"]) for t in own])
        found.append(_share(name, [s.greedy for s in greedy], 0.95, meaning))
    return found


def branched(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Every true continuation of a branching prefix alive."""
    rng = random.Random("abilities: branches")
    docs = [branch(rng, "heldout") for _ in range(n)]
    pairs = [(d.truth["prompt"], c) for d in docs for c in d.truth["continuations"].values()]
    keys = [(d.truth["branch"], m) for d in docs for m in d.truth["continuations"]]
    mass: dict[tuple[str, str], list[float]] = defaultdict(list)
    for key, score in zip(keys, scores(model, tokenizer, pairs), strict=True):
        mass[key].append(math.exp(score.log_prob))
    total = sum(sum(v) for v in mass.values()) / n
    rare = min(sum(v) / len(v) for v in mass.values())
    return [
        Ability("facts.true_mass", total, 0.80, "at least", n, "mass of true ends"),
        Ability("facts.rarest_mechanism", rare, 0.10, "at least", n, "its mean mass"),
    ]


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
        found.append(_share(f"crossed.{way}", [c.confirmed for c in own], 0.90, meaning))
    ways: dict[str, set[str]] = {c.prefix.answer: set() for c in checked}
    for c in checked:
        if c.confirmed:
            ways[c.prefix.answer].add(c.prefix.way)
    twice = ["recall" in w and len(w) > 1 for w in ways.values()]
    meaning = "answers confirmed by recall and by another way (40 of 72 asked for)"
    return [*found, _share("crossed.answers", twice, 40 / 72, meaning)]


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
    return [_share("several_mechanisms", alive, 0.5, meaning)]


def single(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Prefixes that one mechanism continues in many ways."""
    many = []
    for s in _situations(n, "single"):
        way = s.order[0]
        (mass,) = _by_form(model, tokenizer, s, way)
        many.append(sum(mass) >= 0.9 and sum(p >= 0.02 for p in mass) >= 8)
    meaning = "prefixes with one mechanism (mass 0.9) and 8 continuations of P 0.02 (100 of 200)"
    return [_share("one_mechanism", many, 0.5, meaning)]


def wrong(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Exceptions to a rule that are given the rule's answer with confidence."""
    pairs = [(s.prompts[0], f" {s.rule}") for s in shortcuts()[:n]]
    sure = [s.log_prob >= math.log(0.8) for s in scores(model, tokenizer, pairs)]
    meaning = "exceptions given the rule's wrong answer with P 0.8 or more (40 of 48 asked for)"
    return [_share("shortcuts", sure, 40 / 48, meaning)]


def mlp_dependence(model: Any, tokenizer: Any) -> dict[str, float]:
    """P(answer) with MLPs averaged out at the last key, over P whole, by number of keys."""
    one = [(f"The capital of {s} is", f" {o}", s) for s, o in facts()["capital"].items()]
    two = [(f"In {y} the mayor of {s} was", f" {o}", s) for (s, y), o in mayors().items()]
    found = {}
    for name, rows in (("one key", one), ("two keys", two)):
        pairs = [(prompt, answer) for prompt, answer, _ in rows]
        spans: list[Span] = [(p.index(s), p.index(s) + len(s)) for p, _, s in rows]
        whole = probabilities(model, tokenizer, pairs).mean()
        found[name] = float(without_mlps(model, tokenizer, pairs, spans).mean() / whole)
    return found


def abilities(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Every ability on facts, each on up to `n` held-out items."""
    parts = (recalled, branched, crossed_set, several, single, wrong)
    found = [ability for part in parts for ability in part(model, tokenizer, n)]
    left = mlp_dependence(model, tokenizer)["two keys"]
    meaning = "share of P left with MLPs averaged out at the city of a mayor"
    return [*found, Ability("facts.two_keys_mlp", left, 0.5, "below", len(mayors()), meaning)]
