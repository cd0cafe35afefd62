"""Documents on facts: recalled, copied, computed, and sometimes confidently wrong.

    table      284 facts of six relations, one of them with two keys
    recall     one fact, stated or asked for
    branches   prefixes that several mechanisms continue, each in its own words
    crossing   the same answer by several mechanisms, in the same words: `statements` has the
               words, `situation` the people, `prefixes` the crossed set
    rolls      many people, each asked for
    rules      rules with rare exceptions: shortcuts to a wrong answer
    forms      the surface forms of an answer
    confirm    which mechanism runs, by ablation

`crossed()`, `shortcuts()`, `facts()` and `mayors()` are the truth that a study is scored against.
"""

from __future__ import annotations

import random

from microtome.specimens.world.document import Document, Split
from microtome.specimens.world.facts import (
    branches,
    crossing,
    recall,
    rolls,
    rules,
    statements,
)
from microtome.specimens.world.facts.prefixes import Crossed, crossed
from microtome.specimens.world.facts.rules import Shortcut, shortcuts
from microtome.specimens.world.facts.table import facts, mayors

__all__ = ["Crossed", "Shortcut", "crossed", "document", "facts", "held_out", "mayors", "shortcuts"]


def document(rng: random.Random, split: Split) -> Document:
    """One document: crossed .30, rolls .25 (training), recall .28, branches .12, rules .05."""
    roll = rng.random()
    if roll < 0.30 or (roll < 0.55 and split == "heldout"):
        return crossing.document(rng, split)
    if roll < 0.55:
        return rolls.document(rng)
    if roll < 0.83:
        return recall.document(rng, split)
    return (branches if roll < 0.95 else rules).document(rng, split)


def held_out() -> tuple[str, ...]:
    """What no training document holds: wordings of one fact, statements and questions of many."""
    return (*recall.held_out(), *statements.held_out())
