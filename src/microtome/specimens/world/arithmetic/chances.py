"""Every solution of a problem with its probability under the corpus."""

from __future__ import annotations

from functools import lru_cache

from microtome.specimens.world.arithmetic.problem import Method, Problem
from microtome.specimens.world.arithmetic.solving import work
from microtome.specimens.world.arithmetic.step import Work


def _scripted(problem: Problem, method: Method, script: list[bool]) -> tuple[Work, float]:
    """The solution whose mistakes are the script's, and its chance; no more is made after it.

    The script grows by the decisions that it did not foresee.
    """
    rates: list[float] = []

    def decide(rate: float) -> bool:
        rates.append(rate)
        if len(rates) > len(script):
            script.append(False)
        return script[len(rates) - 1]

    written = work(problem, method, decide)
    chance = 1.0
    for rate, made in zip(rates, script, strict=True):
        chance *= rate if made else 1 - rate
    return written, chance


@lru_cache(maxsize=4096)
def works(problem: Problem, method: Method) -> tuple[tuple[Work, float], ...]:
    """Every solution by this method with its probability under the corpus; these sum to 1."""
    found: list[tuple[Work, float]] = []
    script: list[bool] = []
    while True:
        found.append(_scripted(problem, method, script))
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
