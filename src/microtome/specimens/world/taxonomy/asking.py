"""Documents that ask for the child, the parent or a class of a noun."""

from __future__ import annotations

import random
from functools import cache

from microtome.specimens.world.document import Document, Split, led
from microtome.specimens.world.taxonomy.noun import any_form, on_noun, subject
from microtome.specimens.world.taxonomy.sentences import ASKS, DECIDES, QUESTIONS, STATES, Level
from microtome.specimens.world.taxonomy.tree import (
    asked_forms,
    attributes,
    held_out_form,
    lineage,
    tree,
)


@cache
def _stated() -> tuple[str, ...]:
    return tuple(attributes())


def _ask(rng: random.Random, noun: str, level: Level) -> Document:
    form = rng.choice(asked_forms(noun))
    if rng.random() < 0.25:
        prompt = rng.choice(QUESTIONS[level][form]).format(x=subject(noun, form))
    else:
        prompt = led(rng.choice(ASKS[level][form]).format(x=subject(noun, form)), rng, "train")
    answer = f" {lineage()[noun][level == 'parent']}"
    return on_noun(f"{prompt}{answer}.", "train", noun, form, level, prompt=prompt, answer=answer)


def child(rng: random.Random, noun: str) -> Document:
    """What kind a noun is."""
    return _ask(rng, noun, "child")


def parent(rng: random.Random, noun: str) -> Document:
    """To which group a noun belongs."""
    return _ask(rng, noun, "parent")


def of_class(rng: random.Random, noun: str, split: Split = "train") -> Document:
    """A class of a noun of any class, which is drawn in place of the given one."""
    noun = rng.choice(_stated())
    (frame, name), form = rng.choice(attributes()[noun]), any_form(rng)
    statement = rng.choice(STATES[frame][form]).format(x=subject(noun, form))
    prompt, answer = led(statement, rng, split), f" {name}"
    more = {"prompt": prompt, "answer": answer, "frame": frame}
    if split == "heldout":
        more["heldout"] = "lead"
    return on_noun(f"{prompt}{answer}.", split, noun, form, "class", **more)


def decide(rng: random.Random, noun: str) -> Document:
    """Whether a noun is in a group: yes as often as no."""
    parent, form = lineage()[noun][1], rng.choice(asked_forms(noun))
    yes = rng.random() < 0.5
    asked = parent if yes else rng.choice([p for p in tree() if p != parent])
    prompt = DECIDES[form].format(x=subject(noun, form), g=asked)
    answer, it = " Yes" if yes else " No", "they are" if form == "plural" else "it is"
    text = f"{prompt}{answer}, {it} in the group {parent}."
    return on_noun(text, "train", noun, form, "decide", prompt=prompt, answer=answer)


def held_out_ask(rng: random.Random, noun: str) -> Document:
    """A trained form after an unseen lead, or the unasked form after a trained one."""
    level: Level = "parent" if rng.random() < 0.8 else "child"
    of = "lead" if rng.random() < 0.5 else "form"
    form = held_out_form(noun) if of == "form" else rng.choice(asked_forms(noun))
    statement = rng.choice(ASKS[level][form]).format(x=subject(noun, form))
    prompt = led(statement, rng, "train" if of == "form" else "heldout")
    answer = f" {lineage()[noun][level == 'parent']}"
    more = {"prompt": prompt, "answer": answer, "heldout": of}
    return on_noun(f"{prompt}{answer}.", "heldout", noun, form, level, **more)
