"""One thing that the specimen can do, measured, with the bar that it should meet."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Ability:
    """One measured share or probability, with the bar it should meet."""

    name: str
    value: float
    bar: float
    sense: Literal["at least", "below"]
    n: int
    meaning: str

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.value >= self.bar if self.sense == "at least" else self.value < self.bar

    def row(self) -> dict[str, Any]:
        """All fields and `met`, for JSON."""
        return {**asdict(self), "met": self.met}
