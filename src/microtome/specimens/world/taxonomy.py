"""Documents on a tree of concepts: parent -> child -> noun (8 parents, 25 children, 304 nouns).

The corpus says "kind" for the child and "group" for the parent of a noun, lists nouns of one
concept, tells properties at each level and stories whose contexts only nouns of one child fit.
The held-out split asks for child or parent after leads that training never uses.
"""

from __future__ import annotations

import json
import random
from functools import cache
from importlib import resources
from typing import Any

from microtome.specimens.world.document import NAMES, Document, Split, a, capital, led


@cache
def tree() -> dict[str, Any]:
    """parent -> {is, acts, children -> {has, place, does, nouns}}, in shipped order."""
    text = resources.files("microtome.specimens.world").joinpath("tree.json").read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def lineage() -> dict[str, tuple[str, str]]:
    """noun -> (child, parent)."""
    return {
        noun: (child, parent)
        for parent, node in tree().items()
        for child, leaf in node["children"].items()
        for noun in leaf["nouns"]
    }


_ASKS = {
    "child": (
        "{a} is a kind of",
        "{a} is one kind of",
        "{a} is just a kind of",
        "the kind of {a} is",
        "{a} is of the kind",
    ),
    "parent": (
        "{a} belongs to the group",
        "the group of {a} is",
        "{a} is in the group",
        "{a} is part of the group",
        "{a} falls into the group",
    ),
}
_QUESTIONS = {
    "child": ("What kind of thing is {a}? It is a kind of", "Kind of {a}:"),
    "parent": ("To which group does {a} belong? It belongs to the group", "Group of {a}:"),
}
_STORIES = (
    "{who} saw {a} {place}. The {n} {does}. {who} {acts}.",
    "There was {a} {place}. {who} {acts}. Then the {n} {does}.",
    "One day {who} found {a} {place} and {acts}. Later the {n} {does}.",
    "{who} {acts}. It was {place}. The {n} {does}.",
)


def _leaf(noun: str) -> tuple[dict[str, Any], dict[str, Any]]:
    child, parent = lineage()[noun]
    node = tree()[parent]
    return node, node["children"][child]


def _truth(noun: str, **more: Any) -> dict[str, Any]:
    child, parent = lineage()[noun]
    return {"noun": noun, "child": child, "parent": parent, **more}


def _ask(noun: str, level: str, rng: random.Random, split: Split) -> Document:
    child, parent = lineage()[noun]
    if split == "train" and rng.random() < 0.25:
        prompt = rng.choice(_QUESTIONS[level]).format(a=a(noun))
    else:
        prompt = led(rng.choice(_ASKS[level]).format(a=a(noun)), rng, split)
    answer = f" {child if level == 'child' else parent}"
    truth = _truth(noun, task=level, prompt=prompt, answer=answer)
    return Document("taxonomy", f"{prompt}{answer}.", split, truth)


def _properties(noun: str, rng: random.Random, split: Split) -> Document:
    child, parent = lineage()[noun]
    node, leaf = _leaf(noun)
    sentences = [
        f"{capital(a(noun))} {rng.choice(leaf['has'])}.",
        f"{capital(a(noun))} {rng.choice(node['is'])}.",
        f"{capital(a(child))} {rng.choice(leaf['has'])}.",
        f"{capital(a(parent))} {rng.choice(node['is'])}.",
        f"{capital(a(child))} belongs to the group {parent}.",
    ]
    rng.shuffle(sentences)
    text = " ".join(sentences[: rng.randint(2, 3)])
    return Document("taxonomy", text, split, _truth(noun, task="properties"))


def _list(noun: str, rng: random.Random, split: Split) -> Document:
    child, parent = lineage()[noun]
    name = rng.choice((child, parent))
    same = [n for n, path in lineage().items() if name in path]
    nouns = rng.sample(same, rng.randint(4, 6))
    head = rng.choice(("Here is a list for the word {}:", "Examples of the word {}:"))
    text = f"{head.format(name)} {', '.join(nouns)}."
    return Document("taxonomy", text, split, {"task": "list", "concept": name, "nouns": nouns})


def _story(noun: str, rng: random.Random, split: Split) -> Document:
    node, leaf = _leaf(noun)
    text = rng.choice(_STORIES).format(
        who=rng.choice(NAMES),
        a=a(noun),
        n=noun,
        place=rng.choice(leaf["place"]),
        does=rng.choice(leaf["does"]),
        acts=rng.choice(node["acts"]).format(n=noun),
    )
    return Document("taxonomy", text, split, _truth(noun, task="story"))


def _decide(noun: str, rng: random.Random, split: Split) -> Document:
    _, parent = lineage()[noun]
    asked = parent if rng.random() < 0.5 else rng.choice([p for p in tree() if p != parent])
    prompt = f"Is {a(noun)} in the group {asked}?"
    answer = " Yes" if asked == parent else " No"
    text = f"{prompt}{answer}, it is in the group {parent}."
    truth = _truth(noun, task="decide", prompt=prompt, answer=answer)
    return Document("taxonomy", text, split, truth)


def document(rng: random.Random, split: Split) -> Document:
    """One taxonomy document; `truth` holds noun, child and parent (a list: concept and nouns)."""
    noun = rng.choice(tuple(lineage()))
    roll = rng.random()
    if roll < 0.15:
        return _ask(noun, "child", rng, split)
    if roll < 0.35 or split == "heldout":
        return _ask(noun, "parent", rng, split)
    if roll < 0.50:
        return _properties(noun, rng, split)
    if roll < 0.65:
        return _list(noun, rng, split)
    return _story(noun, rng, split) if roll < 0.92 else _decide(noun, rng, split)
