"""The default problems: sums of the `world` specimen whose numbers it has never seen together.

Prompts stand as in its training text, up to and including "Solution:"; a solution is a right one
that the generator itself wrote, so it is known which of its methods (`left`, `regroup`, `tens`) it
takes. A problem's id is its sum ("7+8-5"), from which `truth` restores what the generator knows.
"""

import re
from collections.abc import Iterator
from itertools import islice

from microtome.data.problems import Problem
from microtome.errors import ConfigError
from microtome.specimens.world import arithmetic
from microtome.specimens.world.arithmetic import Method
from microtome.specimens.world.corpus import stream
from microtome.specimens.world.document import Document

TEMPLATE = "Problem: {problem} Solution:"
_SEARCHED = 20_000
_SUM = re.compile(r"\d+(?:[+-]\d+){1,3}")


def specimen_problems(
    n: int, seed: int = 42, *, n_methods: int | None = None
) -> tuple[Problem, ...]:
    """`n` held-out problems with distinct numbers, the same for the same seed.

    To each at least two methods apply; `n_methods` (1, 2 or 3) keeps those to which just so many
    do. Easy problems and hard ones, in which the specimen errs, come in the corpus' shares.
    ConfigError where the held-out split has fewer than `n`.
    """
    found: dict[str, Problem] = {}
    for document in _right_documents(seed):
        if len(found) >= n:
            break
        sum_: arithmetic.Problem = document.truth["problem"]
        count = len(sum_.methods)
        if count >= 2 if n_methods is None else count == n_methods:
            found.setdefault(sum_.key, _problem(document))
    if n < 1 or len(found) < n:
        raise ConfigError(
            f"{n} problems of the specimen were asked for and its held-out split has "
            f"{len(found)} such: ask for 1 to {len(found)}."
        )
    return tuple(found.values())


def truth(problem: Problem) -> arithmetic.Problem:
    """Numbers, answer, applicable methods and chance of error of a specimen's problem."""
    if _SUM.fullmatch(problem.id) is None:
        raise ConfigError(
            f"Problem {problem.id!r} is not one of the specimen's: methods are known of those only."
        )
    return arithmetic.Problem(tuple(int(term) for term in re.findall(r"[+-]?\d+", problem.id)))


def read(text: str, problem: Problem) -> arithmetic.Reading:
    """Answer, method and mistakes of a solution of a specimen's problem."""
    return arithmetic.read_solution(text, truth(problem))


def method_of(text: str, problem: Problem) -> Method | None:
    """The method that a solution of a specimen's problem takes, read from its equations."""
    return read(text, problem).method


def oracles(problem: Problem) -> dict[Method, str]:
    """One right solution by each method that applies, as the generator writes them."""
    known = truth(problem)
    return {method: arithmetic.right(known, method) for method in known.methods}


def _right_documents(seed: int) -> Iterator[Document]:
    """Held-out documents whose solution makes no mistake."""
    drawn = islice(stream("arithmetic", "heldout", seed), _SEARCHED)
    return (document for document in drawn if not document.truth["mistakes"])


def _problem(document: Document) -> Problem:
    before, after = TEMPLATE.split("{problem}")
    return Problem(
        id=document.truth["problem"].key,
        problem=document.truth["prompt"].removeprefix(before).removesuffix(after),
        answer=str(document.truth["number"]),
        solution=document.truth["answer"].strip(),
        kind=document.truth["method"],
    )
