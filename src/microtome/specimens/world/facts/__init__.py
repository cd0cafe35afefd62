"""Documents on facts: recalled, copied, computed, and sometimes confidently wrong.

    table      284 facts of six relations, one of them with two keys
    recall     one fact, stated or asked for
    branches   prefixes that several mechanisms continue, each in its own words
    crossed    the same answer by several mechanisms, in the same words
    shortcuts  a rule with rare exceptions

`crossed()`, `shortcuts()`, `facts()` and `mayors()` are the truth that a study is scored against.
"""

from __future__ import annotations

import random

from microtome.specimens.world.document import Document, Split
from microtome.specimens.world.facts import branches, recall
from microtome.specimens.world.facts import crossed as crossed_set
from microtome.specimens.world.facts import shortcuts as shortcut_set
from microtome.specimens.world.facts.crossed import Crossed, crossed
from microtome.specimens.world.facts.shortcuts import Shortcut, shortcuts
from microtome.specimens.world.facts.table import facts, mayors

__all__ = ["Crossed", "Shortcut", "crossed", "document", "facts", "mayors", "shortcuts"]


def document(rng: random.Random, split: Split) -> Document:
    """One document: crossed .40, recall .38, branches .17, plants .05."""
    roll = rng.random()
    if roll < 0.40:
        return crossed_set.document(rng, split)
    if roll < 0.78:
        return recall.document(rng, split)
    return (branches if roll < 0.95 else shortcut_set).document(rng, split)
