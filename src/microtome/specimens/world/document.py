"""One document of the corpus with the truth its generator knows."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["taxonomy", "arithmetic", "physics", "dilemmas", "facts"]
Split = Literal["train", "heldout"]


@dataclass(frozen=True)
class Document:
    """Plain English text and what is true of it.

    Where the document asks something, `truth["prompt"]` is a prefix of `text` and
    `truth["answer"]` continues it (leading space included); the other keys belong to the kind.
    """

    kind: Kind
    text: str
    split: Split
    truth: Mapping[str, Any] = field(default_factory=dict)


NAMES = (
    "Ada", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ines", "Jonas", "Karin",
    "Leo", "Mia", "Noah", "Olga", "Paul", "Rosa", "Simon", "Tina", "Victor",
)  # fmt: skip

LEADS: dict[Split, tuple[str, ...]] = {
    "train": (
        "",
        "",
        "",
        "As we know,",
        "Everybody knows that",
        "In fact,",
        "Of course,",
        "My sister says that",
        "The teacher says that",
        "We hear that",
        "It is known that",
    ),
    "heldout": ("We all know that", "My teacher says that", "Everybody says that"),
}
"""Openings of a statement; the held-out ones recombine words of the others."""


def led(statement: str, rng: random.Random, split: Split) -> str:
    """The statement after a lead of the split, in the right case."""
    lead = rng.choice(LEADS[split])
    if not lead:
        return capital(statement)
    first = statement.split(" ", 1)[0]
    lower = first.lower() in ("a", "an", "the", "in", "every", "people", "which", "to", "it")
    return f"{lead} {statement[0].lower() + statement[1:] if lower else statement}"


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    vowel = noun[0] in "aeiou" and not noun.startswith("uten")
    return f"{'an' if vowel else 'a'} {noun}"


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[0].upper() + text[1:]
