"""An audit: one measured property of a result, with the bound that makes the result believable.

A completeness gap, a self-patch, a shuffled control: each is a value, a bound and a relation.
An audit that fails is shown wherever its result is shown; it never hides the result.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Audit:
    """`value relation bound`; a NaN never passes."""

    name: str
    value: float
    bound: float
    relation: Literal["<=", ">="] = "<="
    note: str = ""

    @property
    def passed(self) -> bool:
        """Whether the value stands on the right side of its bound."""
        if not math.isfinite(self.value):
            return False
        return self.value <= self.bound if self.relation == "<=" else self.value >= self.bound

    def __str__(self) -> str:
        verdict = "passed" if self.passed else "FAILED"
        return f"{self.name}: {self.value:.3g} {self.relation} {self.bound:.3g} {verdict}"

    def row(self) -> dict[str, Any]:
        """The audit as one row of a table."""
        return {**asdict(self), "passed": self.passed}

    @staticmethod
    def from_row(row: Mapping[str, Any]) -> "Audit":
        """The audit that `row` came from."""
        fields = ("name", "value", "bound", "relation", "note")
        return Audit(**{field: row[field] for field in fields})
