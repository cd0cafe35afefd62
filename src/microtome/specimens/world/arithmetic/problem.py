r"""Sums of two to four small numbers, in two halves that their numbers tell apart.

The easy half: two or three operands below ten. The hard half: an operand of ten or more, or four
operands. A problem's operands are distinct, so that a written equation says which were used.
One problem in ten, by its numbers, is kept for the held-out split.
"""

from __future__ import annotations

import random
import zlib
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Literal

from microtome.specimens.world.document import Split

Method = Literal["left", "regroup", "tens"]
METHODS: tuple[Method, ...] = ("left", "regroup", "tens")
LOW, EASY_HIGH, HIGH = 2, 9, 15

CARRY, MINUS, LOST = 0.24, 0.18, 0.06
"""Chance of a slip at each carry, of a plus for each minus, of losing each operand that can be."""

_HARD_SHARE = 2 / 3
_LEAST, _MOST = 0.45, 0.83
"""A hard problem is posed if its chance of no mistake, from left to right, lies between."""


@dataclass(frozen=True)
class Problem:
    """A sum of signed terms, the first positive: 7 + 8 - 5 is (7, 8, -5)."""

    terms: tuple[int, ...]

    @property
    def answer(self) -> int:
        """The number asked for."""
        return sum(self.terms)

    @property
    def hard(self) -> bool:
        """Whether solutions in the corpus make mistakes: by its numbers alone."""
        return len(self.terms) == 4 or max(map(abs, self.terms)) >= 10

    @property
    def methods(self) -> tuple[Method, ...]:
        """Methods that apply: `regroup` needs three terms, `tens` a first sum beyond the next ten.

        Such as 7 + 8, where 3 of the 8 fill the 7 up to ten, and no 7 + 3.
        """
        can = {
            "left": True,
            "regroup": len(self.terms) > 2,
            "tens": 0 < self.fill < self.terms[1],
        }
        return tuple(method for method in METHODS if can[method])

    @property
    def fill(self) -> int:
        """What the first term lacks to the next ten; 0 for a full ten."""
        return -self.terms[0] % 10

    @property
    def key(self) -> str:
        """The sum as text, such as "7+8-5"."""
        return "".join(f"{term:+d}" for term in self.terms)[1:]

    @property
    def split(self) -> Split:
        """The split these numbers belong to, fixed for ever."""
        return "heldout" if zlib.crc32(self.key.encode()) % 10 == 0 else "train"


def draw(rng: random.Random, split: Split) -> Problem:
    """A problem of the split, two hard ones to an easy one."""
    hard = rng.random() < _HARD_SHARE
    while True:
        problem = Problem(_terms(rng, hard))
        posed = not hard or (problem.hard and _LEAST <= _unharmed(problem.terms) <= _MOST)
        if posed and problem.split == split:
            return problem


def _terms(rng: random.Random, hard: bool) -> tuple[int, ...]:
    """Distinct operands with signs; no partial sum falls below 1."""
    top, shares = (HIGH, (0.2, 0.6)) if hard else (EASY_HIGH, (0.5, 1.0))
    dice = rng.random()
    count = 2 + (dice > shares[0]) + (dice > shares[1])
    while True:
        terms = [LOW + int(rng.random() * (top - LOW + 1)) for _ in range(count)]
        if len(set(terms)) < count:
            continue
        for place in range(1, count):
            if rng.random() < 0.4:
                terms[place] = -terms[place]
        if min(accumulate(terms)) > 0:
            return tuple(terms)


def _unharmed(terms: tuple[int, ...]) -> float:
    """Chance of no mistake from left to right, were all of them possible."""
    chance = (1 - LOST) ** (len(terms) - 2)
    for before, after in pairwise(accumulate(terms)):
        minus = after < before
        crossed = after % 10 > before % 10 if minus else after % 10 < before % 10
        chance *= (1 - CARRY if crossed else 1) * (1 - MINUS if minus else 1)
    return chance
