"""One thing that the specimen can do, measured, with the bar that it should meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microtome import statistics

Sense = Literal["at least", "below"]


@dataclass(frozen=True)
class Ability:
    """One measured share or probability, with the bar it should meet.

    `low` and `high` are the ends of a 95 % interval; None where the value is an extreme of many.
    """

    name: str
    value: float
    bar: float
    sense: Sense
    n: int
    meaning: str
    low: float | None = None
    high: float | None = None

    @classmethod
    def share(
        cls,
        name: str,
        holds: Sequence[bool | float],
        bar: float,
        meaning: str,
        *,
        sense: Sense = "at least",
        clusters: Sequence[int | str] | None = None,
    ) -> Ability:
        """The share of items [n] that hold (or their mean, within 0 and 1).

        The interval is Clopper and Pearson's; `clusters` [n] names the problem of each item where
        one problem has several.
        """
        found = statistics.share(holds, clusters, weight="item")
        return cls(name, found.value, bar, sense, len(holds), meaning, found.low, found.high)

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.value >= self.bar if self.sense == "at least" else self.value < self.bar

    def row(self) -> dict[str, Any]:
        """All fields and `met`, for JSON."""
        return {**asdict(self), "met": self.met}
