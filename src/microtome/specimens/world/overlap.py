"""Where documents hold what is excluded: many documents at once, by hashes of runs of words.

Words become numbers (0 for every word that nothing excluded has), documents one long row with a 0
between them, in which `runs` finds what is excluded.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from microtome.errors import ModelError
from microtome.specimens.world.exclusion import RUN, Excluded
from microtome.specimens.world.runs import Numbers, Runs
from microtome.specimens.world.words import STOP_WORDS, content, template_words, words

_FILLED = r"[^ ]+(?: [^ ]+){0,3}"
"""What a slot may hold: one to four words."""


@dataclass(frozen=True)
class Hit:
    """A document that holds what is excluded: its place, what it holds, and by which words."""

    place: int
    name: str
    found: str


class Overlap:
    """Finds what is excluded in documents; made once, used for many."""

    def __init__(self, excluded: Sequence[Excluded]) -> None:
        self.excluded = tuple(excluded)
        known = chain(*(template_words(one.text) + words(" ".join(one.parts)) for one in excluded))
        self._numbers = Numbers(dict.fromkeys((*sorted(STOP_WORDS), *known)))
        self._content = np.ones(len(self._numbers.known) + 1, dtype=bool)
        self._content[[self._numbers.known[own] for own in STOP_WORDS]] = False
        rng = np.random.default_rng(0)
        self._mixed = rng.integers(0, 2**64, len(self._content), dtype=np.uint64)
        self._whole, self._parts = Runs(), Runs()
        self._patterns = [_pattern(one.text) for one in excluded]
        for owner, one in enumerate(self.excluded):
            self._whole.add(self._as_numbers(_anchor(one)), owner)
            for part in one.parts:
                own = self._as_numbers(content(part))
                for start in range(max(1, len(own) - RUN + 1)) if own else ():
                    self._parts.add(own[start : start + RUN], owner)

    def hits(self, texts: Sequence[str]) -> list[Hit]:
        """Every text that holds something excluded: one hit a text and excluded thing."""
        rows = [[*map(self._numbers.__getitem__, text.split()), 0] for text in texts]
        row = np.fromiter(chain.from_iterable(rows), dtype=np.int64)
        place = np.repeat(np.arange(len(rows)), [len(own) for own in rows])
        row, place = row[row >= 0], place[row >= 0]
        carries = self._content[row]
        found: dict[tuple[int, int], str] = {}
        for start, run in self._whole.find(row, self._mixed):
            at, text = int(place[start]), texts[place[start]]
            for owner in self._whole.owners[run]:
                if (at, owner) not in found and self._patterns[owner].search(_spaced(text)):
                    found[at, owner] = self.excluded[owner].text
        inner, spelled = place[carries], ("", *self._numbers.known)
        for start, run in self._parts.find(row[carries], self._mixed):
            for owner in self._parts.owners[run]:
                found.setdefault((int(inner[start]), owner), " ".join(spelled[n] for n in run))
        return [Hit(at, self.excluded[owner].name, own) for (at, owner), own in found.items()]

    def _as_numbers(self, run: Sequence[str]) -> list[int]:
        return [self._numbers.known[own] for own in run]


def _spaced(text: str) -> str:
    return f" {' '.join(words(text))} "


def _anchor(one: Excluded) -> list[str]:
    """The longest run of words between the slots of an excluded text, at most `RUN` of them."""
    runs: list[list[str]] = [[]]
    for own in template_words(one.text):
        if "\0" in own:
            runs.append([])
        else:
            runs[-1].append(own)
    longest = max(runs, key=len)[:RUN]
    if not set(longest) - STOP_WORDS:
        raise ModelError(
            f"{one.name!r} has no content word beside its slots, so it would exclude everything: "
            "give a longer template."
        )
    return longest


def _pattern(text: str) -> re.Pattern[str]:
    own = re.escape(" ".join(template_words(text))).replace(re.escape("\0"), _FILLED)
    return re.compile(f" {own} ")
