"""Problems and solutions in words; the frames of the held-out split are none of training's."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from microtome.specimens.world.arithmetic.problem import METHODS, Method
from microtome.specimens.world.document import Split

THINGS = ("marbles", "coins", "stamps", "pencils", "books", "shells", "cards", "buttons")
GAINS = ("gets {n} more", "finds {n} more", "wins {n}", "buys {n}", "receives {n}", "adds {n}")
LOSSES = ("gives away {n}", "loses {n}", "sells {n}", "takes out {n}", "gives {n} to a friend")

STORIES: dict[Split, tuple[tuple[str, str, str], ...]] = {
    "train": (
        ("{who} has {a} {things}, ", ", ", " and then "),
        ("{who} starts with {a} {things}. {who} ", ", ", " and later "),
        ("There are {a} {things} in the box of {who}. {who} ", ", ", " and then "),
        ("At first {who} owns {a} {things}. Then {who} ", ", then ", " and "),
        ("In the morning {who} has {a} {things}; later {who} ", ", ", " and "),
        ("{who} has a box of {a} {things}, ", ", later ", " and at last "),
    ),
    "heldout": (
        ("{who} starts the morning with {a} {things}, ", ", then ", " and at last "),
        ("In the box of {who} there are {a} {things}. Later {who} ", ", ", " and then "),
    ),
}
"""How a story begins, what stands between its changes, and what before the last of several."""

QUESTIONS: dict[Split, tuple[str, ...]] = {
    "train": (
        "How many {things} are there now?",
        "How many {things} is that in the end?",
        "How many {things} does {who} have now?",
        "How many {things} are left in the end?",
        "What is the number of {things} now?",
    ),
    "heldout": (
        "How many {things} are there in the end?",
        "What is the number of {things} in the end?",
    ),
}

OPENINGS: dict[Method, tuple[str, ...]] = {
    "left": ("From left to right:", "Step by step:", "In order:"),
    "regroup": ("Regroup first:", "The last two first:", "Combine the changes:"),
    "tens": ("Make a ten:", "Fill up to ten:", "By tens:"),
}
NEUTRAL = "Let us see:"
"""The opening that says nothing of the method; one solution in ten has it."""
_NEUTRAL_SHARE = 0.1


def templates(split: Split) -> tuple[str, ...]:
    """Every frame of a story and every question of a split."""
    return (*("...".join(frame) for frame in STORIES[split]), *QUESTIONS[split])


def change(term: int, rng: random.Random) -> str:
    """What happens to the number of things, such as "sells 5" for -5."""
    form = rng.choice(GAINS if term > 0 else LOSSES)
    return form.replace("{n}", str(abs(term)))


def story(
    terms: Sequence[int], names: Mapping[str, str], place: int, split: Split, rng: random.Random
) -> str:
    """The story of the terms in the frame at `place` of the split; `names`: who and things."""
    begin, between, last = STORIES[split][place]
    changes = [change(term, rng) for term in terms[1:]]
    if len(changes) == 1 and begin.endswith(", "):
        begin = f"{begin[:-2]} and "
    body = last.join(filter(None, (between.join(changes[:-1]), changes[-1])))
    return f"{begin.format(a=terms[0], **names)}{body}."


def opening(method: Method, rng: random.Random) -> str:
    """How a solution by this method begins."""
    return NEUTRAL if rng.random() < _NEUTRAL_SHARE else rng.choice(OPENINGS[method])


def openings() -> dict[str, frozenset[Method]]:
    """Every opening with the methods that it can open."""
    found = {form: frozenset([method]) for method, forms in OPENINGS.items() for form in forms}
    return {**found, NEUTRAL: frozenset(METHODS)}


def held_out() -> tuple[str, ...]:
    """What no training document holds: the openings of held-out stories, and held-out questions."""
    return (*(frame[0] for frame in STORIES["heldout"]), *QUESTIONS["heldout"])
