"""Documents on the taxonomy: asks, questions, properties, lists, stories, classes, decisions.

"Kind" asks for the child and "group" for the parent of a noun, in one of its three forms. Of every
noun one form is never asked after in training: it occurs there in lists, properties and stories
alone. The held-out split asks after that form, or after a trained form with an unseen lead.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from microtome.specimens.world.document import LEADS, Document, Split
from microtome.specimens.world.taxonomy.asking import child, decide, held_out_ask, of_class, parent
from microtome.specimens.world.taxonomy.noun import subject
from microtome.specimens.world.taxonomy.sentences import ASKS, QUESTIONS, STATES
from microtome.specimens.world.taxonomy.telling import listed, properties, story
from microtome.specimens.world.taxonomy.tree import held_out_form, lineage


@cache
def _nouns() -> tuple[str, ...]:
    return tuple(lineage())


_MAKERS: tuple[tuple[Callable[[random.Random, str], Document], float], ...] = (
    (child, 0.14), (parent, 0.18), (properties, 0.15), (listed, 0.16), (story, 0.20),
    (of_class, 0.09), (decide, 0.08),
)  # fmt: skip
_TRAIN, _SHARES = (tuple(column) for column in zip(*_MAKERS, strict=True))


def document(rng: random.Random, split: Split) -> Document:
    """One taxonomy document.

    `truth` holds task, noun (singular), form, child and parent; prompt and answer where something
    is asked, and frame where that is a class; a list holds concept, nouns and form instead. In the
    held-out split `truth["heldout"]` says what is new: "lead" or "form".
    """
    noun = rng.choice(_nouns())
    if split == "train":
        return rng.choices(_TRAIN, _SHARES)[0](rng, noun)
    return of_class(rng, noun, split) if rng.random() < 0.2 else held_out_ask(rng, noun)


def held_out() -> tuple[str, ...]:
    """What no training document holds: every opening by a held-out lead, every unasked form."""
    leads = LEADS["heldout"]
    by_lead = [
        f"{lead} {ask}" for lead in leads for of in (*ASKS.values(), *STATES.values())
        for asks in of.values() for ask in asks
    ]  # fmt: skip
    by_form = [
        ask.format(x=subject(noun, held_out_form(noun)))
        for noun in _nouns() for asks in (*ASKS.values(), *QUESTIONS.values())
        for ask in asks[held_out_form(noun)]
    ]  # fmt: skip
    return (*by_lead, *by_form)
