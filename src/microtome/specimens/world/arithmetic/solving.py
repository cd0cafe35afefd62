r"""Written solutions by three methods, with the mistakes that solvers of hard problems make.

`left`: one operand after the other. `regroup`: the last two first, then the others. `tens`: the
first number is filled up to the next ten with a part of the second (7 + 8: 7+3=10, 10+5=15).
Mistakes, each a decision of its own with a rate (0 in easy problems, and where a later difference
would fall below zero): a *carry slip* (17+8=15, 25-8=27), a *wrong sign* (15+5 for 15-5), an
*operand lost* (any but those of the first equation, where the text can show which). What follows
is worked out from the mistake.
`work` writes both a drawn solution and, with scripted decisions, all that are possible (`chances`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate

from microtome.specimens.world.arithmetic.problem import CARRY, LOST, MINUS, Method, Problem
from microtome.specimens.world.arithmetic.step import Mistake, Step, Work, merged, slipped, value

Decide = Callable[[float], bool]
"""Whether a mistake of this rate is made now."""


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
