"""Questions for the value of a term: a moment and a way to ask.

Every way stands with one or two moments in the held-out split only, with the others in training.
"""

from __future__ import annotations

from functools import cache

from microtome.specimens.world.document import Split, capital
from microtome.specimens.world.physics.domain import OF, Term
from microtome.specimens.world.physics.motion import OF_MOTION, ON_MOTION

_MOMENTS = ("", "At this moment", "Right now", "Just now", "At this instant", "Here")
_WAYS = tuple(dict.fromkeys((*OF, *OF_MOTION, *ON_MOTION)))


@cache
def questions(term: Term, split: Split) -> tuple[str, ...]:
    """Unfinished sentences on a term, with the slots "{q}" (its name) and "{x}" (the thing)."""
    return tuple(
        capital(f"{moment} {ask}".strip())
        for place, moment in enumerate(_MOMENTS)
        for ask in term.asks
        if _held_out(place, _WAYS.index(ask)) == (split == "heldout")
    )


def _held_out(moment: int, way: int) -> bool:
    return moment > 0 and (moment + way) % 5 == 2
