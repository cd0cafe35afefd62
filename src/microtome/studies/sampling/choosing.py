"""Which token of a specimen's solution chooses its method: known, because we made the world.

A text so far leaves open every method of which it can still become a solution: by its opening
("Make a ten:"), and where that opens several ("Let us see:") by the first equation, whose numbers
no two methods share. The token after which fewer are left has chosen. Openings and equations are
the generator's own, so a rule of thumb ("the first word") is not built in.
"""

from collections.abc import Sequence

from microtome.data.problems import Problem
from microtome.specimens.world.arithmetic import Method, openings, works
from microtome.studies.sampling.problems import truth


def open_methods(text: str, problem: Problem) -> frozenset[Method]:
    """Methods of the problem that a solution beginning with `text` can still take."""
    possible: frozenset[Method] = frozenset()
    for opening, methods in openings().items():
        if f" {opening}".startswith(text):
            possible |= methods
        elif text.startswith(f" {opening}"):
            body = text.removeprefix(f" {opening}").strip()
            possible |= methods if len(methods) == 1 else _by_equation(body, problem)
    return possible & frozenset(truth(problem).methods)


def choosing_steps(tokens: Sequence[str], problem: Problem) -> tuple[int, ...]:
    """Steps whose token leaves fewer methods open than there were before, but one at least."""
    open_at = [open_methods("".join(tokens[:t]), problem) for t in range(len(tokens) + 1)]
    return tuple(t for t in range(len(tokens)) if 0 < len(open_at[t + 1]) < len(open_at[t]))


def _by_equation(body: str, problem: Problem) -> frozenset[Method]:
    """Methods that have a solution, right or mistaken, whose equations can begin with `body`."""
    sum_ = truth(problem)
    begun = body.partition("=")[0]
    found = set()
    for method in sum_.methods:
        sides = {str(made.steps[0]).partition("=")[0] for made, _ in works(sum_, method)}
        if any(side == begun if "=" in body else side.startswith(begun) for side in sides):
            found.add(method)
    return frozenset(found)
