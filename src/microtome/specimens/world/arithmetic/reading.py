r"""What a written solution did: answer, method and mistakes, from its equations alone.

Each method is followed through the text: the next equation should join the total so far with the
next operand. Its sign, its result and the operands passed over tell the mistake, and the written
result is taken on, as the solver did. The method that explains most equations, and with the
fewest mistakes, is the one that is named. What follows the next "Problem:", or the twelfth
equation, is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from microtome.specimens.world.arithmetic.problem import Method, Problem
from microtome.specimens.world.arithmetic.step import Mistake, Step, merged, slipped, value

_EQUATION = re.compile(r"(?<![\d+\-*/=.])(\d{1,9})([+-])(\d{1,9})=(\d{1,9})(?![\d+\-*/]|\.\d)")
_BOXED = re.compile(r"\\boxed\{(-?\d{1,9})\}")

_READ = 12
Steps = tuple[Step, ...]


@dataclass(frozen=True)
class Reading:
    """What a written solution did; None where nothing could be read."""

    answer: int | None
    method: Method | None
    mistakes: tuple[Mistake, ...]
    """In the order of the text; empty also where no method could be read."""
    sound: bool
    """Whether every equation in the text is true."""


def equations(text: str) -> tuple[Step, ...]:
    """The equations "x+y=z" and "x-y=z" of a text; longer sums are none of them."""
    found = _EQUATION.findall(re.sub(r"[ \t]*([+\-=])[ \t]*", r"\1", text))
    return tuple(Step(int(x), op, int(y), int(z)) for x, op, y, z in found)


def read_solution(text: str, problem: Problem) -> Reading:
    """Answer, method and mistakes of a solution, not looking at its opening.

    A text without an answer is unfinished: operands that it has not come to are not lost. An
    answer that is not the last result, or any equation that the method cannot explain, is an
    `other` mistake.
    """
    own = text.partition("Problem:")[0]
    boxed = _BOXED.findall(own)
    answer = int(boxed[-1]) if boxed else None
    steps = equations(own)
    sound = all(value(*step[:3]) == step.result for step in steps)
    tried = {method: _by(method, problem, steps[:_READ], answer) for method in problem.methods}
    method = max(tried, key=lambda name: tried[name].score)
    if not tried[method].explained:
        return Reading(answer, None, (), sound)
    return Reading(answer, method, tried[method].mistakes, sound)


@dataclass(frozen=True)
class _Trace:
    """A way to follow a text: equations that the method explains, and its mistakes."""

    explained: int
    mistakes: tuple[Mistake, ...]

    @property
    def score(self) -> tuple[int, int]:
        return self.explained, -len(self.mistakes)

    def after(self, explained: int, *mistakes: Mistake) -> _Trace:
        """This trace behind one more event."""
        return _Trace(self.explained + explained, (*mistakes, *self.mistakes))


def _by(method: Method, problem: Problem, steps: Steps, answer: int | None) -> _Trace:
    """The text followed by one method; nothing explained where its first equation is missing."""
    first, *planned = problem.terms
    if method == "tens":
        planned = [problem.fill, planned[0] - problem.fill, *planned[1:]]
    if method != "regroup":
        return _follow(first, planned, steps, answer)
    left, op, right, sign = merged(problem.terms)
    if not steps or not _joins(steps[0], left, right):
        return _Trace(0, ())
    inner = steps[0].result
    after = _follow(first, [*planned[:-2], sign * inner], steps[1:], answer)
    if len(steps) == 1 and answer == inner:
        lost: list[Mistake] = ["operand lost" for _ in problem.terms[2:]]
        after = _Trace(0, tuple(lost))
    return after.after(1, *_mistakes(steps[0], op))


def _follow(total: int, planned: Sequence[int], steps: Steps, answer: int | None) -> _Trace:
    """The best reading of the equations that are left for the terms that are left."""
    if not planned:
        return _Trace(0, ("other",) if steps or answer not in (None, total) else ())
    if not steps and answer is None:
        return _Trace(0, ())
    term, rest = planned[0], planned[1:]
    ways = [_follow(total, rest, steps, answer).after(0, "operand lost")]
    if steps:
        step, then = steps[0], steps[1:]
        if _joins(step, total, abs(term)):
            done = _follow(step.result, rest, then, answer)
            ways.append(done.after(1, *_mistakes(step, "-" if term < 0 else "+")))
        elif step.left == total:
            ways.append(_follow(step.result, rest, then, answer).after(0, "other"))
        else:
            ways.append(_follow(total, planned, then, answer).after(0, "other"))
    return max(ways, key=lambda way: way.score)


def _mistakes(step: Step, op: str) -> tuple[Mistake, ...]:
    """What is wrong with an equation that should have this sign."""
    found: list[Mistake] = ["wrong sign"] if step.op != op else []
    if step.result != value(*step[:3]):
        found.append("carry slip" if step.result == slipped(*step[:3]) else "other")
    return tuple(found)


def _joins(step: Step, left: int, right: int) -> bool:
    """Whether an equation joins two numbers; those of a sum in any order."""
    pair = (step.left, step.right)
    return pair == (left, right) or (step.op == "+" and pair == (right, left))
