"""Which token of a specimen's solution chooses its method: known, because we made the world.

A text so far leaves open every method one of whose openings ("Make a ten", "In order", ...) it can
still become; the token after which fewer are left has chosen. Openings are read off the
generator's own training texts, so a rule of thumb ("the first word") is not built in.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import islice

from microtome.data.problems import Problem
from microtome.specimens.world.arithmetic import Method
from microtome.specimens.world.corpus import stream
from microtome.studies.sampling.problems import truth

_READ = 400


@lru_cache(maxsize=1)
def openings() -> dict[str, frozenset[Method]]:
    """Every opening of the generator's solutions with the methods that it opens."""
    found: dict[str, set[Method]] = {}
    for document in islice(stream("arithmetic", "train", 0), _READ):
        opening = document.truth["answer"].partition(":")[0]
        found.setdefault(opening, set()).add(document.truth["method"])
    return {opening: frozenset(methods) for opening, methods in found.items()}


def open_methods(text: str, problem: Problem) -> frozenset[Method]:
    """Methods of the problem that a solution beginning with `text` can still take."""
    applicable = frozenset(truth(problem).methods)
    possible: frozenset[Method] = frozenset()
    for opening, methods in openings().items():
        if opening.startswith(text) or text.startswith(opening):
            possible |= methods
    return possible & applicable


def choosing_steps(tokens: Sequence[str], problem: Problem) -> tuple[int, ...]:
    """Steps whose token leaves fewer methods open than there were before, but one at least."""
    open_at = [open_methods("".join(tokens[:t]), problem) for t in range(len(tokens) + 1)]
    return tuple(t for t in range(len(tokens)) if 0 < len(open_at[t + 1]) < len(open_at[t]))
