"""Who plays: the base model and its fine-tunes, each with one label and one colour.

The four named fine-tunes are LoRA adapters trained on the iterated prisoner's dilemma with four
rewards (Tennant, Hailes & Musolesi 2024, arXiv:2410.01639): game payoffs, a penalty for betraying
a cooperator, the sum of both players' payoffs, payoffs and penalty together.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from microtome.errors import ConfigError
from microtome.lab.figures import PALETTE

BASE = "base"
NAMED_BASE = "google/gemma-2-2b-it"
"""What the four named adapters were trained on by their authors."""


@dataclass(frozen=True)
class Player:
    """A model under its name on disk, its label in figures and its fixed colour."""

    name: str
    label: str
    colour: str


_KNOWN = (
    Player(BASE, "Base", "#7F7F7F"),
    Player("PT2_COREDe", "Strategic", "#D55E00"),
    Player("PT3_COREDe", "Deontological", "#0072B2"),
    Player("PT3_COREUt", "Utilitarian", "#009E73"),
    Player("PT4_COREDe", "Hybrid", "#CC79A7"),
)
NAMES = tuple(player.name for player in _KNOWN)
PAIRS = (
    "PT2_COREDe:PT3_COREDe",
    "PT2_COREDe:PT3_COREUt",
    "PT3_COREDe:PT3_COREUt",
    "PT3_COREUt:PT3_COREDe",
)


def players(names: Sequence[str]) -> dict[str, Player]:
    """Players by name; an adapter that is not one of the four takes the next free colour."""
    known = {player.name: player for player in _KNOWN}
    taken = {player.colour for player in _KNOWN}
    free = [colour for colour in PALETTE if colour not in taken]
    others = [name for name in dict.fromkeys(names) if name not in known]
    new = {name: Player(name, name, free[i % len(free)]) for i, name in enumerate(others)}
    return {name: known.get(name) or new[name] for name in dict.fromkeys(names)}


@dataclass(frozen=True)
class Pair:
    """Activations of `source` go into `target`, the receiver."""

    source: str
    target: str

    @classmethod
    def parse(cls, text: str) -> "Pair":
        """ "PT2_COREDe:PT3_COREDe": source, colon, target."""
        source, colon, target = (part.strip() for part in text.partition(":"))
        if not colon or not source or not target or ":" in target:
            raise ConfigError(f"The pair {text!r} is not SOURCE:TARGET; write two model names.")
        if source == target:
            raise ConfigError(f"The pair {text!r} patches a model into itself; name two models.")
        return cls(source, target)

    @property
    def name(self) -> str:
        """The pair as file names print it."""
        return f"{self.source}_to_{self.target}"
