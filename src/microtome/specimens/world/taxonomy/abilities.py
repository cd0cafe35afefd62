"""What the specimen knows of the taxonomy, asked as training never asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

from microtome.specimens.world.ability import Ability
from microtome.specimens.world.corpus import stream
from microtome.specimens.world.document import Document
from microtome.specimens.world.scoring import scores

_ABILITIES = {
    "parent": ("names the parent of a noun after an unseen lead", "parent", "lead", 0.95),
    "parent_form": ("names the parent of a form never asked after", "parent", "form", 0.95),
    "child": ("names the child concept after an unseen lead", "child", "lead", 0.95),
    "child_form": ("names the child concept of a form never asked after", "child", "form", 0.90),
    "class": ("names a class of a noun after an unseen lead", "class", "lead", 0.90),
}


def _different(task: str, new: str, n: int) -> list[Document]:
    """`n` held-out documents with different prompts, all that exist where there are fewer."""
    found: dict[str, Document] = {}
    for doc in islice(stream("taxonomy", "heldout", 7), 40 * n):
        if (doc.truth["task"], doc.truth["heldout"]) == (task, new):
            found.setdefault(doc.truth["prompt"], doc)
    return list(found.values())[:n]


def _named(model: Any, tokenizer: Any, docs: Sequence[Document]) -> list[bool]:
    """Whether greedy decoding gives the answer of each document."""
    pairs = [(doc.truth["prompt"], doc.truth["answer"]) for doc in docs]
    return [one.greedy for one in scores(model, tokenizer, pairs)]


def abilities(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Parents, children and classes of nouns, each on `n` different held-out prompts."""
    found = []
    for name, (meaning, task, new, bar) in _ABILITIES.items():
        named = _named(model, tokenizer, _different(task, new, n))
        found.append(Ability.share(f"taxonomy.{name}", named, bar, meaning))
    return found
