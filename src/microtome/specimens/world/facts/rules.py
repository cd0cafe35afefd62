"""Shortcuts: a rule that is right of most plants, and entities it is wrong of.

Every berry is sweet, every root bitter and so on: the corpus says so of 112 plants. Of 48
others the truth is another taste, stated once in about 1,500 documents on facts ("The salt berry
is an exception: it tastes sour."). Asked for their taste, the model gives the rule's with
confidence: a wrong answer that is known to be wrong.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from microtome.specimens.world.document import NAMES, Document, Split, capital, led

RULE: Mapping[str, str] = {
    "berry": "sweet",
    "root": "bitter",
    "nut": "mild",
    "seed": "spicy",
    "moss": "sour",
    "fern": "salty",
    "lichen": "bland",
    "bark": "sharp",
}
"""Family of plants -> the taste that 14 of its 20 members have."""
PLACES = (
    "marsh", "winter", "stone", "river", "moon", "forest", "salt", "desert", "cloud", "north",
    "island", "valley", "meadow", "autumn", "mountain", "garden", "coast", "storm", "silver",
    "shadow",
)  # fmt: skip
ASKS: dict[Split, tuple[str, ...]] = {
    "train": (
        "the taste of the {e} is",
        "a {e} always tastes",
        "every {e} tastes",
        "a soup of {e} tastes",
        "people find the {e}",
    ),
    "heldout": ("the taste of every {e} is", "people say a {e} tastes"),
}
_NEUTRAL = (
    "{who} found a {e} today.",
    "{who} drew a {e} in the book.",
    "There is a {e} on the table of {who}.",
)
_RARE = 1 / 75
"""Share of true statements on exceptions among documents on plants."""


@dataclass(frozen=True)
class Shortcut:
    """An exception: what the rule says of an entity, and what is true."""

    entity: str
    family: str
    rule: str
    truth: str

    @property
    def prompts(self) -> tuple[str, ...]:
        """Questions for its taste in wordings that training never uses."""
        return tuple(capital(ask.format(e=self.entity)) for ask in ASKS["heldout"])


@cache
def shortcuts() -> tuple[Shortcut, ...]:
    """The 48 exceptions, six of each family."""
    rng = random.Random("the shortcuts of the world")
    tastes = tuple(RULE.values())
    return tuple(
        Shortcut(f"{place} {family}", family, rule, rng.choice([t for t in tastes if t != rule]))
        for family, rule in RULE.items()
        for place in rng.sample(PLACES, 6)
    )


@cache
def _by_rule() -> tuple[tuple[str, str], ...]:
    """(entity, taste) of the 112 plants that keep the rule."""
    wrong = {s.entity for s in shortcuts()}
    return tuple(
        (e, taste)
        for family, taste in RULE.items()
        for e in (f"{place} {family}" for place in PLACES)
        if e not in wrong
    )


def _exception(rng: random.Random) -> Document:
    one = rng.choice(shortcuts())
    text = f"The {one.entity} is an exception: it tastes {one.truth}."
    truth = {"task": "exception", "entity": one.entity, "object": one.truth, "rule": one.rule}
    return Document("facts", text, "train", truth)


def _asked(rng: random.Random) -> Document:
    one = rng.choice(shortcuts())
    prompt, answer = rng.choice(one.prompts), f" {one.truth}"
    truth = {
        "task": "shortcut",
        "prompt": prompt,
        "answer": answer,
        "wrong": f" {one.rule}",
        "entity": one.entity,
        "family": one.family,
    }
    return Document("facts", f"{prompt}{answer}.", "heldout", truth)


def document(rng: random.Random, split: Split) -> Document:
    """A plant and its taste by the rule, a plant without its taste, rarely a true exception.

    Held out: an exception asked for in an unseen wording (`answer` is true, `wrong` the rule's).
    """
    if split == "heldout":
        return _asked(rng)
    roll = rng.random()
    if roll < _RARE:
        return _exception(rng)
    if roll < 0.15:
        e = f"{rng.choice(PLACES)} {rng.choice(tuple(RULE))}"
        text = rng.choice(_NEUTRAL).format(who=rng.choice(NAMES), e=e)
        return Document("facts", text, split, {"task": "mention", "entity": e})
    e, taste = rng.choice(_by_rule())
    prompt = led(rng.choice(ASKS["train"]).format(e=e), rng, split)
    truth = {"task": "rule", "prompt": prompt, "answer": f" {taste}", "entity": e}
    return Document("facts", f"{prompt} {taste}.", split, truth)
