"""Surface forms: how an answer is given to a question, as a word, a phrase or a sentence.

After a question every form may follow, whatever made the answer: the form of a continuation says
nothing of its mechanism. A form is a lead (" They say it is") that the answer (" May") follows.
"""

from __future__ import annotations

import random
from typing import Literal

Form = Literal["word", "phrase", "sentence"]

LEADS: dict[Form, tuple[str, ...]] = {
    "word": ("",),
    "phrase": (" Surely", " Of course", " Probably", " {The}"),
    "sentence": (
        " It is",
        " The answer is",
        " They say it is",
        " That is",
        " I think it is",
        " We know it is",
        " One says it is",
    ),
}
"""Form -> leads; "{The}" stands for the noun of the answer, as in "The month of"."""
NOUNS = {
    "capital": "The city of",
    "language": "The language",
    "maker": "The company",
    "colour": "The colour",
    "feast": "The month of",
    "mayor": "The mayor called",
}
"""Relation -> what its objects are."""


def lead(relation: str, rng: random.Random, form: Form | None = None) -> tuple[Form, str]:
    """A form (drawn, unless given) and one of its leads."""
    chosen: Form = rng.choice(tuple(LEADS)) if form is None else form
    found = rng.choice(LEADS[chosen])
    return chosen, f" {NOUNS[relation]}" if found == " {The}" else found


def leads(relation: str) -> tuple[tuple[Form, str], ...]:
    """Every (form, lead) after a question on this relation."""
    noun = f" {NOUNS[relation]}"
    return tuple(
        (form, noun if one == " {The}" else one) for form, many in LEADS.items() for one in many
    )
