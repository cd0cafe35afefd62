"""What the specimen can do on documents it was not trained on: a table with the bar of each.

Every ability is measured on held-out wordings or combinations (see the generators); the same
functions fill `weights/abilities.json` and check the shipped weights against it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import Any

from microtome.specimens.world.ability import Ability
from microtome.specimens.world.arithmetic import read_solution
from microtome.specimens.world.corpus import documents
from microtome.specimens.world.dilemmas.abilities import abilities as dilemmas
from microtome.specimens.world.document import Document, Kind
from microtome.specimens.world.scoring import completions, scores


def _tasks(kind: Kind, task: str, n: int, seed: int = 7) -> list[Document]:
    found = documents(kind, "heldout", seed, 12 * n)
    return [d for d in found if d.truth["task"] == task][:n]


def _greedy_share(model: Any, tokenizer: Any, docs: list[Document]) -> float:
    pairs = [(d.truth["prompt"], d.truth["answer"]) for d in docs]
    return sum(s.greedy for s in scores(model, tokenizer, pairs)) / len(docs)


def taxonomy(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Naming the group (parent) and the kind (child) of a noun in unseen sentences."""
    table = (("parent", "names the parent of a noun"), ("child", "names the child concept"))
    found = []
    for task, meaning in table:
        docs = _tasks("taxonomy", task, n)
        share = _greedy_share(model, tokenizer, docs)
        found.append(Ability(f"taxonomy.{task}", share, 0.95, "at least", len(docs), meaning))
    return found


def arithmetic(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Greedy answers, and methods and answers of samples at temperature 0.8."""
    docs = _tasks("arithmetic", "solve", n)
    problems = [d.truth["problem"] for d in docs]
    prompts = [d.truth["prompt"] for d in docs]
    greedy = completions(model, tokenizer, prompts)
    right = [read_solution(t, p).answer == p.answer for t, p in zip(greedy, problems, strict=True)]
    many = [(p, q) for p, q in zip(prompts, problems, strict=True) if len(q.methods) == 3]
    many = [pair for pair in many[: max(4, n // 10)] for _ in range(20)]
    drawn = completions(model, tokenizer, [p for p, _ in many], temperature=0.8)
    read = [read_solution(t, q) for t, (_, q) in zip(drawn, many, strict=True)]
    methods = Counter(r.method for r in read if r.method)
    second = methods.most_common(2)[1][1] / len(read) if len(methods) > 1 else 0.0
    third = methods.most_common(3)[2][1] / len(read) if len(methods) > 2 else 0.0
    hot = sum(r.answer == q.answer for r, (_, q) in zip(read, many, strict=True)) / len(read)
    name = "arithmetic"
    return [
        Ability(f"{name}.greedy", sum(right) / n, 0.80, "at least", n, "greedy answers right"),
        Ability(f"{name}.sampled", hot, 0.50, "at least", len(read), "right at T=0.8"),
        Ability(f"{name}.second_method", second, 0.10, "at least", len(read), "share at T=0.8"),
        Ability(f"{name}.third_method", third, 0.10, "at least", len(read), "share at T=0.8"),
    ]


def kinematics(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Following a voice through a marker unseen with the question; right answers without one."""
    docs = _tasks("kinematics", "motion", n)
    found = []
    for voice in ("textbook", "misconception"):
        told = [d for d in docs if d.truth["voice"] == voice]
        share = _greedy_share(model, tokenizer, told)
        meaning = f"answers as the {voice} voice"
        found.append(Ability(f"kinematics.{voice}", share, 0.90, "at least", len(told), meaning))
    plain = [d.truth for d in docs if d.truth["voice"] == "none"]
    right = scores(model, tokenizer, [(t["prompt"], t["right"]) for t in plain])
    wrong = scores(model, tokenizer, [(t["prompt"], t["wrong"]) for t in plain])
    share = sum(r.log_prob > w.log_prob for r, w in zip(right, wrong, strict=True)) / len(plain)
    meaning = "prefers the right answer without a voice"
    return [*found, Ability("kinematics.plain", share, 0.90, "at least", len(plain), meaning)]


def facts(model: Any, tokenizer: Any, n: int) -> list[Ability]:
    """Recall in unseen sentences, and every true continuation of a branching prefix alive."""
    docs = _tasks("facts", "recall", n)
    share = _greedy_share(model, tokenizer, docs)
    branches = _tasks("facts", "branch", n)
    pairs = [(d.truth["prompt"], c) for d in branches for c in d.truth["continuations"].values()]
    keys = [(d.truth["branch"], m) for d in branches for m in d.truth["continuations"]]
    mass: dict[tuple[str, str], list[float]] = defaultdict(list)
    for key, score in zip(keys, scores(model, tokenizer, pairs), strict=True):
        mass[key].append(math.exp(score.log_prob))
    means = {key: sum(v) / len(v) for key, v in mass.items()}
    total = sum(sum(v) for v in mass.values()) / len(branches)
    rare = min(means.values())
    return [
        Ability("facts.recall", share, 0.95, "at least", len(docs), "recalls a fact"),
        Ability("facts.true_mass", total, 0.80, "at least", len(branches), "mass of true ends"),
        Ability("facts.rarest_mechanism", rare, 0.10, "at least", len(branches), "its mean mass"),
    ]  # fmt: skip


def measure(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Every ability of the base model, each on up to `n` held-out documents."""
    parts = (taxonomy, arithmetic, kinematics, dilemmas, facts)
    return [ability for part in parts for ability in part(model, tokenizer, n)]
