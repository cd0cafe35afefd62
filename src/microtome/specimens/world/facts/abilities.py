"""What the specimen knows of its facts, by which mechanism, and where it is confidently wrong."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from typing import Any

from microtome import statistics
from microtome.specimens.world.ability import Ability
from microtome.specimens.world.document import Document
from microtome.specimens.world.facts import recall
from microtome.specimens.world.facts.ablation import Span, probabilities, without_mlps
from microtome.specimens.world.facts.branches import document as branch
from microtome.specimens.world.facts.mechanisms import crossed_set, several, single
from microtome.specimens.world.facts.rules import shortcuts
from microtome.specimens.world.facts.table import mayors
from microtome.specimens.world.scoring import scores


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
        found.append(Ability.share(f"facts.{name}", [s.greedy for s in greedy], 0.95, meaning))
    return found


def branched(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Every true continuation of a branching prefix alive."""
    rng = random.Random("abilities: branches")
    docs = [branch(rng, "heldout") for _ in range(n)]
    ends = [(i, m, c) for i, d in enumerate(docs) for m, c in d.truth["continuations"].items()]
    found = scores(model, tokenizer, [(docs[i].truth["prompt"], c) for i, _, c in ends])
    mass: dict[tuple[str, str], list[float]] = defaultdict(list)
    whole = [0.0] * n
    for (i, mechanism, _), one in zip(ends, found, strict=True):
        mass[docs[i].truth["branch"], mechanism].append(math.exp(one.log_prob))
        whole[i] = min(1.0, whole[i] + math.exp(one.log_prob))
    rarest = min(mass.values(), key=lambda own: sum(own) / len(own))
    return [
        Ability.share("facts.true_mass", whole, 0.80, "mass of true ends"),
        Ability.share("facts.rarest_mechanism", rarest, 0.10, "its mean mass"),
    ]


def wrong(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Exceptions to a rule that are given the rule's answer with confidence."""
    pairs = [(s.prompts[0], f" {s.rule}") for s in shortcuts()[:n]]
    sure = [s.log_prob >= math.log(0.8) for s in scores(model, tokenizer, pairs)]
    meaning = "exceptions given the rule's wrong answer with P 0.8 or more (40 of 48 asked for)"
    return [Ability.share("facts.shortcuts", sure, 40 / 48, meaning)]


def two_keys_mlp(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """P(mayor) with MLPs averaged out at the city, over P whole; the interval is over cities."""
    rows = list(mayors().items())
    pairs = [(f"In {year} the mayor of {city} was", f" {name}") for (city, year), name in rows]
    spans = [_place(prompt, city) for (prompt, _), ((city, _), _) in zip(pairs, rows, strict=True)]
    left = without_mlps(model, tokenizer, pairs, spans).numpy()
    whole = probabilities(model, tokenizer, pairs).numpy()
    found = statistics.ratio(left, whole, [city for (city, _), _ in rows])
    meaning = "share of P left with MLPs averaged out at the city of a mayor"
    return [
        Ability("facts.two_keys_mlp", found.value, 0.5, "below", len(rows), meaning,
                found.low, found.high)
    ]  # fmt: skip


def _place(prompt: str, word: str) -> Span:
    return prompt.index(word), prompt.index(word) + len(word)


def abilities(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Every ability on facts, each on up to `n` held-out items."""
    parts = (recalled, branched, crossed_set, several, single, wrong, two_keys_mlp)
    return [ability for part in parts for ability in part(model, tokenizer, n)]
