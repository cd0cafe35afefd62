"""A step of a solution: one equation, right or with a mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from microtome.specimens.world.arithmetic.problem import Method

Mistake = Literal["carry slip", "wrong sign", "operand lost", "other"]
"""What can be wrong with a solution; `other` is read in texts and never written."""
KNOWN: tuple[Mistake, ...] = ("carry slip", "wrong sign", "operand lost")


class Step(NamedTuple):
    """One written equation: left op right = result."""

    left: int
    op: str
    right: int
    result: int

    def __str__(self) -> str:
        return f"{self.left}{self.op}{self.right}={self.result}"


@dataclass(frozen=True)
class Work:
    """The equations of one solution and its mistakes in the order in which they were made."""

    method: Method
    steps: tuple[Step, ...]
    mistakes: tuple[Mistake, ...]

    @property
    def answer(self) -> int:
        """The number in the box: the last result, right or wrong."""
        return self.steps[-1].result


def value(left: int, op: str, right: int) -> int:
    """The true result of left op right."""
    return left + right if op == "+" else left - right


def slipped(left: int, op: str, right: int) -> int | None:
    """The result with its carry (or borrowed ten) forgotten; None where there is none."""
    true = value(left, op, right)
    if op == "+":
        return true - 10 if left % 10 + right % 10 >= 10 else None
    return true + 10 if left % 10 < right % 10 else None


def merged(terms: Sequence[int]) -> tuple[int, str, int, int]:
    """Operands and sign of the last two terms taken together: (left, op, right, sign of it)."""
    first, second = terms[-2:]
    if first * second > 0:
        return abs(first), "+", abs(second), 1 if first > 0 else -1
    larger, smaller = (first, second) if abs(first) > abs(second) else (second, first)
    return abs(larger), "-", abs(smaller), 1 if larger > 0 else -1
