"""What every document on one noun needs: its form, its subject, its truth."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from microtome.specimens.world.document import Document, Split, a
from microtome.specimens.world.taxonomy.tree import FORMS, Form, forms, lineage

_SHARES = (0.35, 0.75, 1.0)
"""Cumulated shares of singular, plural and capital: plurals of one ending are learned slowest."""


def any_form(rng: random.Random) -> Form:
    """A form of a noun, drawn by its share."""
    return rng.choices(FORMS, cum_weights=_SHARES)[0]


@cache
def subject(noun: str, form: Form) -> str:
    """A noun as the subject of a sentence: a rose, roses, Rose."""
    return a(noun) if form == "singular" else forms(noun)[form]


def on_noun(text: str, split: Split, noun: str, form: Form, task: str, **more: Any) -> Document:
    """A document whose truth is that of the noun, and `more`."""
    child, parent = lineage()[noun]
    truth = {"task": task, "noun": noun, "form": form, "child": child, "parent": parent, **more}
    return Document("taxonomy", text, split, truth)
