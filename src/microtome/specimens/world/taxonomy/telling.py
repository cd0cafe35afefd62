"""Documents that ask nothing: properties, lists and stories, in which every form occurs."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from microtome.specimens.world.document import NAMES, Document, a, capital
from microtome.specimens.world.taxonomy.noun import any_form, on_noun, subject
from microtome.specimens.world.taxonomy.sentences import HEADS, STORIES, many
from microtome.specimens.world.taxonomy.tree import Form, forms, lineage, tree

_MOST = ("Most", "Many", "All")


@cache
def _members() -> dict[str, tuple[str, ...]]:
    """child or parent -> its nouns."""
    found: dict[str, tuple[str, ...]] = {}
    for noun, path in lineage().items():
        for name in set(path):
            found[name] = (*found.get(name, ()), noun)
    return found


def _leaf(noun: str) -> tuple[dict[str, Any], dict[str, Any]]:
    child, parent = lineage()[noun]
    node = tree()[parent]
    return node, node["children"][child]


def _said_of(rng: random.Random, noun: str, form: Form, predicate: str) -> str:
    """A sentence on a noun in one of its forms; no plural begins it, so that it is one token."""
    if form == "plural":
        return f"{rng.choice(_MOST)} {forms(noun)[form]} {many(predicate)}."
    if form == "capital":
        return f"The entry {forms(noun)[form]} says: it {predicate}."
    return f"{capital(a(noun))} {predicate}."


def properties(rng: random.Random, noun: str) -> Document:
    """Two or three sentences on a noun (half of the time in two forms), its child, its parent."""
    (node, leaf), (child, parent), form = _leaf(noun), lineage()[noun], any_form(rng)
    other = any_form(rng) if rng.random() < 0.5 else form
    own = [
        _said_of(rng, noun, form, rng.choice(leaf["has"])),
        _said_of(rng, noun, other, rng.choice(node["is"])),
        f"{capital(a(child))} {rng.choice(leaf['has'])}.",
        f"{capital(a(parent))} {rng.choice(node['is'])}.",
        f"{capital(a(child))} belongs to the group {parent}.",
    ]
    rng.shuffle(own)
    return on_noun(" ".join(own[: rng.randint(2, 3)]), "train", noun, form, "properties")


def listed(rng: random.Random, noun: str) -> Document:
    """Four to six nouns of one child or parent, all in one form."""
    name, form = rng.choice(lineage()[noun]), any_form(rng)
    nouns = rng.sample(_members()[name], rng.randint(4, 6))
    head = rng.choice(HEADS[form]).format(w=name)
    text = f"{head} {', '.join(forms(one)[form] for one in nouns)}."
    truth = {"task": "list", "concept": name, "nouns": nouns, "form": form}
    return Document("taxonomy", text, "train", truth)


def story(rng: random.Random, noun: str) -> Document:
    """A story whose places and deeds only nouns of one child fit."""
    (node, leaf), form = _leaf(noun), any_form(rng)
    does, named = (
        rng.choice(leaf["does"]),
        forms(noun)["plural" if form == "plural" else "singular"],
    )
    text = rng.choice(STORIES[form]).format(
        who=rng.choice(NAMES),
        x=subject(noun, form),
        n=named,
        place=rng.choice(leaf["place"]),
        does=_past_of_many(does) if form == "plural" else does,
        acts=rng.choice(node["acts"]).format(n=named),
    )
    return on_noun(text, "train", noun, form, "story")


@cache
def _past_of_many(does: str) -> str:
    return does.replace("was ", "were ", 1).replace(" its ", " their ")
