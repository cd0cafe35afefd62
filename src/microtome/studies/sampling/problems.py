"""The default problems: sums of the `world` specimen whose numbers it has never seen together.

Prompts stand as in its training text, up to and including "Solution:"; a solution is one that the
generator itself wrote, so it is known which of its methods (`left`, `regroup`, `tens`) it takes.
A problem's id is its sum ("7+8-5"), from which `truth` restores what the generator knows.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Literal

from microtome.data.problems import Problem
from microtome.errors import ConfigError
from microtome.specimens.world import arithmetic
from microtome.specimens.world.arithmetic import Method
from microtome.specimens.world.corpus import stream
from microtome.specimens.world.document import Document

TEMPLATE = "Problem: {problem} Solution:"
_SEARCHED = 20_000
_SUM = re.compile(r"(\d+)\+(\d+)([+-])(\d+)")


def specimen_problems(
    n: int, seed: int = 42, *, n_methods: int | None = None
) -> tuple[Problem, ...]:
    """`n` held-out problems with distinct numbers, the same for the same seed.

    `n_methods` (2 or 3) keeps those to which just so many methods apply. ConfigError where the
    held-out split has fewer than `n`.
    """
    found: dict[str, Problem] = {}
    for document in _documents(seed):
        if len(found) >= n:
            break
        sum_: arithmetic.Problem = document.truth["problem"]
        if n_methods is None or len(sum_.methods) == n_methods:
            found.setdefault(_id(sum_), _problem(document))
    if n < 1 or len(found) < n:
        raise ConfigError(
            f"{n} problems of the specimen were asked for and its held-out split has "
            f"{len(found)} such: ask for 1 to {len(found)}."
        )
    return tuple(found.values())


def truth(problem: Problem) -> arithmetic.Problem:
    """Numbers, answer and applicable methods of a problem of `specimen_problems`."""
    found = _SUM.fullmatch(problem.id)
    if found is None:
        raise ConfigError(
            f"Problem {problem.id!r} is not one of the specimen's: methods are known of those only."
        )
    sign: Literal[1, -1] = 1 if found[3] == "+" else -1
    return arithmetic.Problem(int(found[1]), int(found[2]), int(found[4]), sign)


def method_of(text: str, problem: Problem) -> Method | None:
    """The method that a solution of a specimen's problem takes, read from its equations."""
    return arithmetic.read_solution(text, truth(problem)).method


def oracles(problem: Problem, seed: int = 42) -> dict[Method, str]:
    """One solution of the generator by each method that applies to a specimen's problem."""
    wanted = truth(problem)
    found: dict[Method, str] = {}
    for document in _documents(seed):
        if document.truth["problem"] == wanted:
            found.setdefault(document.truth["method"], document.truth["answer"].strip())
            if len(found) == len(wanted.methods):
                return {method: found[method] for method in wanted.methods}
    raise ConfigError(
        f"The held-out split has no solution of {problem.id!r} by every method; take a problem "
        "of specimen_problems."
    )


def _documents(seed: int) -> Iterator[Document]:
    return islice(stream("arithmetic", "heldout", seed), _SEARCHED)


def _id(sum_: arithmetic.Problem) -> str:
    return f"{sum_.a}+{sum_.b}{'+' if sum_.sign == 1 else '-'}{sum_.c}"


def _problem(document: Document) -> Problem:
    before, after = TEMPLATE.split("{problem}")
    return Problem(
        id=_id(document.truth["problem"]),
        problem=document.truth["prompt"].removeprefix(before).removesuffix(after),
        answer=str(document.truth["number"]),
        solution=document.truth["answer"].strip(),
        kind=document.truth["method"],
    )
