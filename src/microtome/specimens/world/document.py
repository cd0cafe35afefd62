"""One document of the corpus with the truth its generator knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["taxonomy", "arithmetic", "kinematics", "dilemmas", "facts"]
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


def a(noun: str) -> str:
    """The noun with its indefinite article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def capital(text: str) -> str:
    """The text with its first letter in upper case."""
    return text[0].upper() + text[1:]
