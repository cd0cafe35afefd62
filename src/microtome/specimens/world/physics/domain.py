"""A domain of physics: two quantities, four terms that name them, scenes where both differ.

A term is right for one quantity; the misconception of a term takes it for the other one. Each
quantity is right for two terms and mistaken for two, so no word of a belief marks it.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from microtome.specimens.world.document import Split

OF = ("its {q} is", "the {q} is", "the {q} of the {x} is", "for the {x} the {q} is")
"""Ways to ask for a term."""
OPPOSITE = {"east": "west", "west": "east", "north": "south", "south": "north",
            "left": "right", "right": "left"}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Term:
    """A word that is asked for; `quantity` (0 or 1) is the one it names rightly."""

    name: str
    quantity: int
    asks: tuple[str, ...] = OF


@dataclass(frozen=True)
class Story:
    """One telling of a scene; `values` are what its two quantities are, without space."""

    text: str
    thing: str
    values: tuple[str, str]


@dataclass(frozen=True, eq=False)
class Scene:
    """A situation; phrasings have slots "{x}" (a thing) and those of `words`.

    A slot "d" of directions brings its opposite "o" with it. The last phrasing is held out.
    """

    name: str
    things: tuple[str, ...]
    phrasings: tuple[str, ...]
    values: tuple[str, str]
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, split: Split) -> tuple[str, ...]:
        """The phrasings of a split."""
        return self.phrasings[:-1] if split == "train" else self.phrasings[-1:]

    def tell(self, rng: random.Random, split: Split) -> Story:
        """The scene told once."""
        thing = rng.choice(self.things)
        slots = {slot: rng.choice(words) for slot, words in self.words.items()}
        if "d" in slots:
            slots["o"] = OPPOSITE[slots["d"]]
        one, two = self.values
        text = rng.choice(self.of(split)).format(x=thing, **slots)
        return Story(text, thing, (one.format(**slots), two.format(**slots)))


@dataclass(frozen=True, eq=False)
class Domain:
    """`definitions` holds, for each quantity, its wordings, which read after "means"."""

    name: str
    terms: tuple[Term, ...]
    definitions: tuple[tuple[str, ...], tuple[str, ...]]
    scenes: tuple[Scene, ...]

    def term(self, name: str) -> Term:
        """The term of a name; KeyError where there is none."""
        return {term.name: term for term in self.terms}[name]
