r"""Word problems with small numbers, each solved in writing by one of three methods.

a + b - c or a + b + c with operands 2-15. `left`: (a + b), then c. `regroup`: (b - c) or
(b + c) first, then a. `tens`: a is filled up to ten with a part of b, the rest follows.
Every solution ends in "\boxed{answer}"; `read_solution` tells answer and method of any text.
One triple (a, b, c) in ten, and one phrasing in five, is kept for the held-out split.
"""

from __future__ import annotations

import random
import re
import zlib
from dataclasses import dataclass
from typing import Literal

from microtome.specimens.world.document import NAMES, Document, Split

Method = Literal["left", "regroup", "tens"]
METHODS: tuple[Method, ...] = ("left", "regroup", "tens")
LOW, HIGH = 2, 15


@dataclass(frozen=True)
class Problem:
    """a + b + sign * c, with c <= b where sign is -1."""

    a: int
    b: int
    c: int
    sign: Literal[1, -1]

    @property
    def answer(self) -> int:
        """The number asked for."""
        return self.a + self.b + self.sign * self.c

    @property
    def methods(self) -> tuple[Method, ...]:
        """Methods that apply: `tens` needs a < 10 < a + b."""
        return METHODS if self.a < 10 < self.a + self.b else METHODS[:2]

    @property
    def split(self) -> Split:
        """The split this triple belongs to, fixed for ever."""
        key = f"{self.a},{self.b},{self.c},{self.sign}".encode()
        return "heldout" if zlib.crc32(key) % 10 == 0 else "train"


_STORIES = {
    "train": (
        "{who} has {a} {things}, gets {b} more and then {change} {c}.",
        "There are {a} {things} in a box. {who} adds {b} and then {change} {c}.",
        "{who} starts with {a} {things}, receives {b} and later {change} {c}.",
        "At first {who} owns {a} {things}. Then come {b} more, and {who} {change} {c}.",
    ),
    "heldout": ("{who} counts {a} {things}, is given {b} more and then {change} {c}.",),
}
_QUESTIONS = ("How many {things} are there now?", "How many {things} is that in the end?")
_THINGS = ("marbles", "coins", "stamps", "pencils", "books", "shells", "cards", "buttons")
_CHANGE = {-1: ("gives away", "loses", "sells"), 1: ("finds another", "wins another", "buys")}
_OPENING: dict[Method, tuple[str, ...]] = {
    "left": ("From left to right:", "Step by step:", "In order:"),
    "regroup": ("Regroup first:", "The last two first:", "Combine the changes:"),
    "tens": ("Make a ten:", "Fill up to ten:", "By tens:"),
}


def equations(problem: Problem, method: Method) -> list[str]:
    """The worked steps of one method, such as ["7+8=15", "15-5=10"]."""
    a, b, c, sign = problem.a, problem.b, problem.c, problem.sign
    op = "+" if sign == 1 else "-"
    last = f"{a + b}{op}{c}={problem.answer}"
    if method == "left":
        return [f"{a}+{b}={a + b}", last]
    if method == "regroup":
        inner = b + sign * c
        return [f"{b}{op}{c}={inner}", f"{a}+{inner}={problem.answer}"]
    return [f"{a}+{10 - a}=10", f"{b}-{10 - a}={a + b - 10}", f"10+{a + b - 10}={a + b}", last]


def _solution(problem: Problem, method: Method, rng: random.Random) -> str:
    steps = equations(problem, method)
    body = f"{steps[0]}, then {', then '.join(steps[1:])}."
    closing = f"So the answer is \\boxed{{{problem.answer}}}."
    return f"{rng.choice(_OPENING[method])} {body} {closing}"


def _problem(rng: random.Random, split: Split) -> Problem:
    while True:
        sign: Literal[1, -1] = -1 if rng.random() < 0.75 else 1
        a, b, c = (rng.randint(LOW, HIGH) for _ in range(3))
        problem = Problem(a, b, c, sign)
        if problem.split == split and (sign == 1 or c <= b):
            return problem


def document(rng: random.Random, split: Split) -> Document:
    """One problem with its solution; `truth` holds problem, answer and method."""
    problem = _problem(rng, split)
    method = rng.choice(problem.methods)
    things = rng.choice(_THINGS)
    story = rng.choice(_STORIES[split]).format(
        who=rng.choice(NAMES),
        things=things,
        change=rng.choice(_CHANGE[problem.sign]),
        a=problem.a,
        b=problem.b,
        c=problem.c,
    )
    prompt = f"Problem: {story} {rng.choice(_QUESTIONS).format(things=things)} Solution:"
    solution = f" {_solution(problem, method, rng)}"
    truth = {
        "task": "solve",
        "prompt": prompt,
        "answer": solution,
        "problem": problem,
        "method": method,
        "number": problem.answer,
    }
    return Document("arithmetic", prompt + solution, split, truth)


_EQUATION = re.compile(r"(\d+)([+-])(\d+)=(\d+)")
_BOXED = re.compile(r"\\boxed\{(\d+)\}")


@dataclass(frozen=True)
class Reading:
    """What a written solution did; None where nothing could be read."""

    answer: int | None
    method: Method | None
    sound: bool
    """Whether every equation in the text is true."""


def read_solution(text: str, problem: Problem) -> Reading:
    """Answer, method and soundness of a solution, from its equations and not from its opening.

    The method is the one whose operands agree with most of the leading steps: a+b opens `left`,
    b with c opens `regroup`; a sum of a that makes ten, then the rest of b, opens `tens`.
    """
    compact = text.replace(" ", "")
    boxed = _BOXED.findall(compact)
    found = [(int(x), op, int(y), int(z)) for x, op, y, z in _EQUATION.findall(compact)]
    sound = all((x + y if op == "+" else x - y) == z for x, op, y, z in found)
    answer = int(boxed[-1]) if boxed else None
    return Reading(answer, _method([f[:3] for f in found], problem), sound)


def _method(opened: list[tuple[int, str, int]], problem: Problem) -> Method | None:
    agreed = {method: _agreeing(opened, problem, method) for method in problem.methods}
    best = max(agreed, key=lambda method: agreed[method])
    return best if agreed[best] else None


def _agreeing(opened: list[tuple[int, str, int]], problem: Problem, method: Method) -> int:
    """Leading steps that use the operands of the method; `tens` counts from its second on."""
    count = 0
    for done, step in zip(opened, equations(problem, method), strict=False):
        wanted = _EQUATION.fullmatch(step)
        if wanted is None or done != (int(wanted[1]), wanted[2], int(wanted[3])):
            break
        count += 1
    return 0 if method == "tens" and count < 2 else count
