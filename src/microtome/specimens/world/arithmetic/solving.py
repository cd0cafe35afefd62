r"""Written solutions by three methods, with the mistakes that solvers of hard problems make.

`left`: one operand after the other. `regroup`: the last two first, then the others. `tens`: the
first number is filled up to the next ten with a part of the second (7 + 8: 7+3=10, 10+5=15).
Mistakes, each a decision of its own with a rate (0 in easy problems, and where a later difference
would fall below zero): a *carry slip* (17+8=15, 25-8=27), a *wrong sign* (15+5 for 15-5), an
*operand lost* (any but those of the first equation, where the text can show which). What follows
is worked out from the mistake.
One function writes both a drawn solution and, with scripted decisions, all that are possible.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from typing import Literal, NamedTuple

from microtome.specimens.world.arithmetic.problem import CARRY, LOST, MINUS, Method, Problem

Mistake = Literal["carry slip", "wrong sign", "operand lost", "other"]
"""What can be wrong with a solution; `other` is read in texts and never written."""
KNOWN: tuple[Mistake, ...] = ("carry slip", "wrong sign", "operand lost")
Decide = Callable[[float], bool]
"""Whether a mistake of this rate is made now."""


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


def work(problem: Problem, method: Method, decide: Decide) -> Work:
    """One solution; `decide` is asked for each mistake that could be made, in order."""
    pen, terms = _Pen(decide, problem.hard), list(problem.terms)
    spare = range(2, len(terms))
    if method == "regroup":
        left, op, right, sign = merged(terms)
        others = terms[:-2]
        inner = pen.step(left, op, right, lambda v: _stays([*others[1:], sign * v], others[0]))
        terms, spare = [*others, sign * inner], range(1, len(others))
    total = terms[0]
    for place, term in enumerate(terms[1:], 1):
        rest = terms[place + 1 :]
        legible = abs(term) not in map(abs, rest)
        if place in spare and pen.errs("operand lost", LOST, legible and _stays(rest, total)):
            continue
        if method == "tens" and place == 1:
            total = pen.bridge(total, problem.fill, term)
            continue
        op = "-" if term < 0 else "+"
        total = pen.step(total, op, abs(term), partial(_stays, rest))
    return Work(method, tuple(pen.steps), tuple(pen.mistakes))


def _stays(terms: Sequence[int], start: int) -> bool:
    """Whether no total falls below zero when the terms follow."""
    return min(accumulate(terms, initial=start)) >= 0


class _Pen:
    """Writes equations and asks for each mistake; used up by one solution."""

    def __init__(self, decide: Decide, hard: bool) -> None:
        self.decide, self.hard = decide, hard
        self.steps: list[Step] = []
        self.mistakes: list[Mistake] = []

    def errs(self, kind: Mistake, rate: float, possible: bool) -> bool:
        """Whether this mistake is made here; noted if so."""
        made = self.hard and possible and self.decide(rate)
        if made:
            self.mistakes.append(kind)
        return made

    def step(self, left: int, op: str, right: int, fits: Callable[[int], bool]) -> int:
        """Write left op right; `fits` says whether the rest can be done from a result."""
        if op == "-" and self.errs("wrong sign", MINUS, fits(left + right)):
            op = "+"
        result, slip = value(left, op, right), slipped(left, op, right)
        if slip is not None and self.errs("carry slip", CARRY, fits(slip)):
            result = slip
        self.steps.append(Step(left, op, right, result))
        return result

    def bridge(self, left: int, fill: int, right: int) -> int:
        """Write left + right in two steps over the next ten, where nothing is carried."""
        ten, rest = left + fill, right - fill
        self.steps += [Step(left, "+", fill, ten), Step(ten, "+", rest, ten + rest)]
        return ten + rest


@lru_cache(maxsize=4096)
def works(problem: Problem, method: Method) -> tuple[tuple[Work, float], ...]:
    """Every solution by this method with its probability under the corpus; these sum to 1."""
    found: list[tuple[Work, float]] = []
    script: list[bool] = []
    while True:
        rates: list[float] = []

        def decide(rate: float, rates: list[float] = rates, script: list[bool] = script) -> bool:
            rates.append(rate)
            if len(rates) > len(script):
                script.append(False)
            return script[len(rates) - 1]

        written = work(problem, method, decide)
        chance = 1.0
        for rate, made in zip(rates, script, strict=True):
            chance *= rate if made else 1 - rate
        found.append((written, chance))
        while script and script[-1]:
            script.pop()
        if not script:
            return tuple(found)
        script[-1] = True


def p_right(problem: Problem) -> float:
    """Chance that a solution of the corpus ends in the right answer, whatever its method."""
    chances = [
        chance
        for method in problem.methods
        for made, chance in works(problem, method)
        if made.answer == problem.answer
    ]
    return sum(chances) / len(problem.methods)
