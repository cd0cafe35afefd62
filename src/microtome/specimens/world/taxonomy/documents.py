"""Documents on the taxonomy: asks, questions, properties, lists, stories, classes, decisions.

"Kind" asks for the child and "group" for the parent of a noun, in one of its three forms. Of every
noun one form is never asked after in training: it occurs there in lists, properties and stories
alone. The held-out split asks after that form, or after a trained form with an unseen lead.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache
from typing import Any

from microtome.specimens.world.document import LEADS, NAMES, Document, Split, a, capital, led
from microtome.specimens.world.taxonomy.sentences import (
    ASKS,
    DECIDES,
    HEADS,
    QUESTIONS,
    STATES,
    STORIES,
    Level,
    many,
)
from microtome.specimens.world.taxonomy.tree import (
    FORMS,
    Form,
    asked_forms,
    attributes,
    forms,
    held_out_form,
    lineage,
    tree,
)

_FORM_WEIGHTS = (0.45, 0.75, 1.0)
"""Cumulated shares of singular, plural and capital."""


@cache
def _nouns() -> tuple[str, ...]:
    return tuple(lineage())


@cache
def _stated() -> tuple[str, ...]:
    return tuple(attributes())


@cache
def _members() -> dict[str, tuple[str, ...]]:
    """child or parent -> its nouns."""
    found: dict[str, tuple[str, ...]] = {}
    for noun, path in lineage().items():
        for name in set(path):
            found[name] = (*found.get(name, ()), noun)
    return found


def _form(rng: random.Random) -> Form:
    return rng.choices(FORMS, cum_weights=_FORM_WEIGHTS)[0]


@cache
def _subject(noun: str, form: Form) -> str:
    """A noun as the subject of a sentence: a rose, roses, Rose."""
    return a(noun) if form == "singular" else forms(noun)[form]


def _leaf(noun: str) -> tuple[dict[str, Any], dict[str, Any]]:
    child, parent = lineage()[noun]
    node = tree()[parent]
    return node, node["children"][child]


def _document(text: str, split: Split, noun: str, form: Form, task: str, **more: Any) -> Document:
    child, parent = lineage()[noun]
    truth = {"task": task, "noun": noun, "form": form, "child": child, "parent": parent, **more}
    return Document("taxonomy", text, split, truth)


def _ask(rng: random.Random, noun: str, level: Level) -> Document:
    form = rng.choice(asked_forms(noun))
    if rng.random() < 0.25:
        prompt = rng.choice(QUESTIONS[level][form]).format(x=_subject(noun, form))
    else:
        prompt = led(rng.choice(ASKS[level][form]).format(x=_subject(noun, form)), rng, "train")
    answer = f" {lineage()[noun][level == 'parent']}"
    return _document(
        f"{prompt}{answer}.", "train", noun, form, level, prompt=prompt, answer=answer
    )


def _child(rng: random.Random, noun: str) -> Document:
    return _ask(rng, noun, "child")


def _parent(rng: random.Random, noun: str) -> Document:
    return _ask(rng, noun, "parent")


def _properties(rng: random.Random, noun: str) -> Document:
    (node, leaf), (child, parent), form = _leaf(noun), lineage()[noun], _form(rng)
    has, is_ = rng.choice(leaf["has"]), rng.choice(node["is"])
    if form == "plural":
        own = [f"{capital(forms(noun)[form])} {many(one)}." for one in (has, is_)]
    elif form == "capital":
        own = [f"The entry {forms(noun)[form]} says: it {one}." for one in (has, is_)]
    else:
        own = [f"{capital(a(noun))} {one}." for one in (has, is_)]
    own += [
        f"{capital(a(child))} {rng.choice(leaf['has'])}.",
        f"{capital(a(parent))} {rng.choice(node['is'])}.",
        f"{capital(a(child))} belongs to the group {parent}.",
    ]
    rng.shuffle(own)
    return _document(" ".join(own[: rng.randint(2, 3)]), "train", noun, form, "properties")


def _list(rng: random.Random, noun: str) -> Document:
    name, form = rng.choice(lineage()[noun]), _form(rng)
    nouns = rng.sample(_members()[name], rng.randint(4, 6))
    head = rng.choice(HEADS[form]).format(w=name)
    text = f"{head} {', '.join(forms(one)[form] for one in nouns)}."
    truth = {"task": "list", "concept": name, "nouns": nouns, "form": form}
    return Document("taxonomy", text, "train", truth)


def _story(rng: random.Random, noun: str) -> Document:
    (node, leaf), form = _leaf(noun), _form(rng)
    does, named = rng.choice(leaf["does"]), forms(noun)["plural" if form == "plural" else "singular"]
    text = rng.choice(STORIES[form]).format(
        who=rng.choice(NAMES),
        x=_subject(noun, form),
        n=named,
        place=rng.choice(leaf["place"]),
        does=_past_of_many(does) if form == "plural" else does,
        acts=rng.choice(node["acts"]).format(n=named),
    )
    return _document(text, "train", noun, form, "story")


@cache
def _past_of_many(does: str) -> str:
    return does.replace("was ", "were ", 1).replace(" its ", " their ")


def _class(rng: random.Random, noun: str, split: Split = "train") -> Document:
    noun = rng.choice(_stated())
    (frame, name), form = rng.choice(attributes()[noun]), _form(rng)
    statement = rng.choice(STATES[frame][form]).format(x=_subject(noun, form))
    prompt, answer = led(statement, rng, split), f" {name}"
    more = {"prompt": prompt, "answer": answer, "frame": frame}
    return _document(f"{prompt}{answer}.", split, noun, form, "class", **more)


def _decide(rng: random.Random, noun: str) -> Document:
    parent, form = lineage()[noun][1], rng.choice(asked_forms(noun))
    yes = rng.random() < 0.5
    asked = parent if yes else rng.choice([p for p in tree() if p != parent])
    prompt = DECIDES[form].format(x=_subject(noun, form), g=asked)
    answer, it = " Yes" if yes else " No", "they are" if form == "plural" else "it is"
    text = f"{prompt}{answer}, {it} in the group {parent}."
    return _document(text, "train", noun, form, "decide", prompt=prompt, answer=answer)


_MAKERS: tuple[tuple[Callable[[random.Random, str], Document], float], ...] = (
    (_child, 0.14), (_parent, 0.18), (_properties, 0.15), (_list, 0.16), (_story, 0.20),
    (_class, 0.09), (_decide, 0.08),
)  # fmt: skip
_TRAIN, _SHARES = (tuple(column) for column in zip(*_MAKERS, strict=True))


def _held_out(rng: random.Random, noun: str) -> Document:
    """A trained form after an unseen lead, or the unasked form after a trained one."""
    level: Level = "parent" if rng.random() < 0.8 else "child"
    of = "lead" if rng.random() < 0.5 else "form"
    form = held_out_form(noun) if of == "form" else rng.choice(asked_forms(noun))
    statement = rng.choice(ASKS[level][form]).format(x=_subject(noun, form))
    prompt = led(statement, rng, "train" if of == "form" else "heldout")
    answer = f" {lineage()[noun][level == 'parent']}"
    more = {"prompt": prompt, "answer": answer, "heldout": of}
    return _document(f"{prompt}{answer}.", "heldout", noun, form, level, **more)


def document(rng: random.Random, split: Split) -> Document:
    """One taxonomy document.

    `truth` holds task, noun (singular), form, child and parent; prompt and answer where something
    is asked, and frame where that is a class; a list holds concept, nouns and form instead. In the
    held-out split `truth["heldout"]` says what is new: "lead" or "form".
    """
    noun = rng.choice(_nouns())
    if split == "train":
        return rng.choices(_TRAIN, _SHARES)[0](rng, noun)
    return _class(rng, noun, split) if rng.random() < 0.2 else _held_out(rng, noun)


def held_out() -> tuple[str, ...]:
    """What no training document holds: every opening by a held-out lead, every unasked form."""
    leads = LEADS["heldout"]
    by_lead = [
        f"{lead} {ask}" for lead in leads for level in ASKS.values() for f in level.values()
        for ask in f
    ]  # fmt: skip
    by_form = [
        ask.format(x=_subject(noun, held_out_form(noun)))
        for noun in _nouns() for level in ASKS.values() for ask in level[held_out_form(noun)]
    ]  # fmt: skip
    return (*by_lead, *by_form)
