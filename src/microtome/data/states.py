"""The round of a prisoner's dilemma before words: moves, payoffs, states.

A state is the pair of last moves, written own first: "CD" = I cooperated, they defected.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from microtome.errors import ConfigError

Move = Literal["Cooperate", "Defect"]

COOPERATE, DEFECT = " action1", " action2"
ACTIONS = (COOPERATE, DEFECT)

LETTER: dict[str, str] = {"Cooperate": "C", "Defect": "D"}
_MOVE: dict[str, Move] = {"C": "Cooperate", "D": "Defect"}


@dataclass(frozen=True)
class Payoffs:
    """Points for one player in one round, temptation > reward > punishment > sucker."""

    temptation: int = 4
    reward: int = 3
    punishment: int = 1
    sucker: int = 0

    def __post_init__(self) -> None:
        order = (self.temptation, self.reward, self.punishment, self.sucker)
        whole = all(type(points) is int for points in order)
        if not whole or any(high <= low for high, low in pairwise(order)):
            raise ConfigError(
                f"Payoffs {order} are no prisoner's dilemma: choose whole numbers with "
                "temptation > reward > punishment > sucker."
            )

    def points(self, own: Move, opp: Move) -> int:
        """Points of the player who chose `own` while the other chose `opp`."""
        table = {"CC": self.reward, "CD": self.sucker, "DC": self.temptation, "DD": self.punishment}
        return table[LETTER[own] + LETTER[opp]]


@dataclass(frozen=True)
class State:
    """Last moves of one round, own move first."""

    own: Move
    opp: Move

    @property
    def name(self) -> str:
        """Two letters, own move first: "CC", "CD", "DC" or "DD"."""
        return LETTER[self.own] + LETTER[self.opp]

    @classmethod
    def parse(cls, name: str) -> State:
        """State from its two letters; raises ConfigError for anything else."""
        if name not in STATE_NAMES:
            raise ConfigError(f"Unknown state {name!r}: use one of {', '.join(STATE_NAMES)}.")
        return cls(_MOVE[name[0]], _MOVE[name[1]])


STATE_NAMES = ("CC", "CD", "DC", "DD")
