"""How the ways to an answer are stated and asked for: frames, questions, verbs.

A way is worded with its keys ("in the capital of Glivania", "two months after May"). Held-out
frames, questions and verbs stand in no training document.
"""

from __future__ import annotations

from typing import Literal

from microtome.specimens.world.document import Split

Way = Literal["recall", "copy", "compute"]
Matter = Literal["capital", "feast"]

WAYS: dict[Matter, tuple[Way, ...]] = {
    "capital": ("recall", "copy"),
    "feast": ("recall", "copy", "compute"),
}
"""What is asked for -> the mechanisms that can give it."""
STEPS = ("one month", "two months", "three months")
FRAMES: dict[Split, tuple[str, ...]] = {
    "train": (
        "{p} {vs} {x}.",
        "{p} always {vs} {x}.",
        "These days {p} {vs} {x}.",
        "We hear that {p} {vs} {x}.",
        "{p} is happy and {vs} {x}.",
        "My friend {p} {vs} {x}.",
        "{p} from our school {vs} {x}.",
    ),
    "heldout": ("My teacher says that {p} {vs} {x}.", "{p} is our friend and {vs} {x}."),
}
"""Statements: person {p}, verb {vs}, way {x}."""
ASKS: dict[Split, tuple[str, ...]] = {
    "train": (
        "{W} does {p} {v}?",
        "Do you know {w} {p} {vs}?",
        "Tell me {w} {p} {vs}.",
        "The question is {w} {p} {vs}.",
        "So {w} does {p} {v}?",
        "Who knows {w} {p} {vs}?",
    ),
    "heldout": ("Everybody knows {w} {p} {vs}.", "And {w} does {p} {v}?"),
}
"""Questions: {W} is "Where" or "When"."""
VERBS: dict[Matter, dict[Split, tuple[str, ...]]] = {
    "capital": {
        "train": ("live", "work", "study", "stay", "wait", "sleep", "sing", "paint", "cook"),
        "heldout": ("rest", "swim", "dance"),
    },
    "feast": {
        "train": ("arrive", "leave", "return", "travel", "move", "begin", "rest", "swim", "dance"),
        "heldout": ("sing", "paint", "cook"),
    },
}
"""Verbs of one matter that are held out occur with the other, so every word is known."""
WHERE: dict[Matter, str] = {"capital": "where", "feast": "when"}
"""Which word asks for a matter."""


def third(verb: str) -> str:
    """The verb after "she"."""
    return f"{verb[:-1]}ies" if verb.endswith("dy") else f"{verb}s"


def worded(matter: Matter, way: Way, keys: tuple[str, ...]) -> str:
    """A way in words, from its keys."""
    if matter == "capital":
        return f"in the {'capital' if way == 'recall' else 'city'} of {keys[0]}"
    if way == "compute":
        return f"{keys[0]} after {keys[1]}"
    return f"at the feast of {keys[0]}" if way == "recall" else f"in the month of {keys[0]}"


def held_out() -> tuple[str, ...]:
    """Statements and questions that no training document holds, with slots for their words.

    "And where does {p} live?" differs from trained questions in "And" alone and is not listed.
    """
    asks = (
        ask.replace("{w}", where)
        for ask in ASKS["heldout"]
        for where in WHERE.values()
        if not ask.startswith("And {w}")
    )
    return (*FRAMES["heldout"], *asks)
