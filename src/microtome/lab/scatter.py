"""Points in a plane that say on hovering what they are.

A group is one colour and one symbol. Points at the same place are drawn as one whose area grows
with their number, so that a hundred equal solutions do not look like one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

SYMBOLS = ("circle", "square", "triangle-up", "diamond", "cross")


@dataclass(frozen=True, eq=False)
class Points:
    """One group: places, and a text for each."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    texts: Sequence[str] = ()
    colour: str | None = None
    symbol: str = SYMBOLS[0]

    def places(self) -> "list[Place]":
        """Every place once, with how many points lie there, in the order they are first met."""
        texts = self.texts or [""] * len(self.x)
        rows = list(zip(map(float, self.x), map(float, self.y), texts, strict=True))
        return [Place(*row, count) for row, count in Counter(rows).items()]


@dataclass(frozen=True)
class Place:
    """Points that lie in one place and say the same."""

    x: float
    y: float
    text: str
    count: int

    @property
    def said(self) -> str:
        """The text with how often it occurs."""
        return f"{self.text} (x {self.count})" if self.count > 1 else self.text


@dataclass(frozen=True, eq=False)
class Scatter:
    """Groups of points on common axes."""

    name: str
    title: str
    caption: str
    groups: Sequence[Points]
    x_label: str
    y_label: str
    kind: ClassVar[str] = "scatter"

    def __post_init__(self) -> None:
        for one in self.groups:
            sizes = {len(one.x), len(one.y), len(one.texts) or len(one.x)}
            if len(sizes) > 1:
                raise ValueError(
                    f"figure {self.name!r}: {one.label!r} has {len(one.x)} x, {len(one.y)} y and "
                    f"{len(one.texts)} texts"
                )
            if one.symbol not in SYMBOLS:
                raise ValueError(f"figure {self.name!r}: no symbol {one.symbol!r} in {SYMBOLS}")

    def table(self) -> Iterator[dict[str, Any]]:
        """One row per point."""
        for one in self.groups:
            texts = one.texts or [""] * len(one.x)
            for x, y, text in zip(one.x, one.y, texts, strict=True):
                yield {"group": one.label, "x": float(x), "y": float(y), "text": text}
