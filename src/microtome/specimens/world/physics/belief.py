"""What is stated: a belief that pairs a term with the right or with the mistaken definition.

One wording in three of each definition is never trained with a term, though with other terms, of
which one has it rightly and one mistakenly; the held-out split uses only those, in sentences that
training never uses. So in both splits right and mistaken beliefs have the very same words.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from typing import Literal

from microtome.specimens.world.document import Split, capital
from microtome.specimens.world.physics.domain import Domain, Term

Content = Literal["right", "mistaken", "none"]

STATEMENTS: dict[Split, tuple[str, ...]] = {
    "train": (
        "{t} means {d}.",
        "{t} is {d}.",
        "{t} tells us {d}.",
        "By {t} we mean {d}.",
        "The word {t} stands for {d}.",
        "{t} stands for {d}.",
        "What {t} tells us is {d}.",
    ),
    "heldout": ("The word {t} means {d}.", "What {t} means is {d}."),
}
"""Sentences of a belief; the held-out ones recombine words of the others."""


@dataclass(frozen=True)
class Belief:
    """A belief on one term, as it is stated."""

    term: Term
    content: Content
    text: str


@cache
def beliefs(domain: Domain, term: Term, content: Content, split: Split) -> tuple[str, ...]:
    """Every sentence in which a split states the right or the mistaken belief on a term."""
    group = domain.terms.index(term) // 2
    quantity = term.quantity if content == "right" else 1 - term.quantity
    wordings = [
        wording
        for i, wording in enumerate(domain.definitions[quantity])
        if (i % 3 == group) == (split == "heldout")
    ]
    return tuple(
        capital(statement.format(t=term.name, d=wording))
        for statement in STATEMENTS[split]
        for wording in wordings
    )


def state(domain: Domain, term: Term, content: Content, rng: random.Random, split: Split) -> Belief:
    """One statement of a belief."""
    return Belief(term, content, rng.choice(beliefs(domain, term, content, split)))
