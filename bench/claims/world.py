"""A world: simulated tables of one claim, false by construction or with an effect of a stated size.

`draw` makes a table and gives it to the study's own function, so what is judged is the finding that
the study would print. An effect of 0 is the null.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from microtome.lab.claims import Finding

Rng = np.random.Generator
Draw = Callable[[Rng, float], Finding]


@dataclass(frozen=True)
class World:
    """One claim of a study, the world that its tables come from, and the effects planted in it."""

    study: str
    claim: str
    """As the study's page names it."""
    null: str
    n: str
    draw: Draw
    effects: tuple[float, ...] = ()
    """Planted sizes, rising; none for a second null of the same claim."""
    unit: str = ""
    """What an effect is counted in."""

    @property
    def key(self) -> str:
        """The world's name in the file of results; with it every seed."""
        return f"{self.study} | {self.claim} | {self.null}"
