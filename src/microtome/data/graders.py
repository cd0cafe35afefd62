r"""Graders: what a solution answers, and whether that is right.

boxed        the last balanced \boxed{} of the text
number       the last number of the text ("1/2" and "1,000" are one number each)
regex        the first group of the last match of a pattern
callable     right(text, answer) -> bool, anything
Answers are compared by `same_answer`: exactly as numbers where both are numbers, else as text.
pass@k = 1 - C(n - c, k) / C(n, k), unbiased (Chen et al. 2021, "Evaluating Large Language Models
Trained on Code"), its interval by the bootstrap over problems.
"""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from microtome.data.boxed import last_boxed
from microtome.data.normal import NUMBER, same_answer
from microtome.errors import ConfigError, InputError, suggest
from microtome.statistics import Interval, Level, share

NAMES = ("boxed", "number", "regex")


@dataclass(frozen=True)
class Grade:
    """What was read from a solution, None where nothing was, and whether it is right."""

    answer: str | None
    correct: bool


@dataclass(frozen=True)
class Grader:
    """`read` finds the answer of a text, `same` compares it with the right one."""

    name: str
    read: Callable[[str], str | None]
    same: Callable[[str, str], bool] = same_answer

    def grade(self, text: str, answer: str) -> Grade:
        """Grade of one solution; nothing read is not correct."""
        found = self.read(text)
        return Grade(found, found is not None and self.same(found, answer))


def grader(name: str, pattern: str | None = None) -> Grader:
    """The grader of that name, with a `pattern` for "regex" alone; ConfigError for others."""
    if (name == "regex") != (pattern is not None):
        fault = "needs a pattern" if name == "regex" else "takes no pattern"
        raise ConfigError(f"The grader {name!r} {fault}; patterns go with the grader 'regex'.")
    if pattern is not None:
        return by_pattern(pattern)
    found = {"boxed": last_boxed, "number": last_number}.get(name)
    if found is None:
        raise ConfigError(f"There is no grader {name!r}.{suggest(name, NAMES)}")
    return Grader(name, found)


def by_callable(right: Callable[[str, str], bool], name: str = "callable") -> Grader:
    """A grader that asks right(text, answer)."""
    return Grader(name, lambda text: text, lambda text, answer: bool(right(text, answer)))


def by_pattern(pattern: str) -> Grader:
    """First group of the last match of `pattern`; ConfigError where that cannot be."""
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ConfigError(
            f"The grader's pattern {pattern!r} is no regular expression: {error}."
        ) from None
    if not compiled.groups:
        raise ConfigError(
            f"The grader's pattern {pattern!r} has no group: "
            "put parentheses around the answer, as in 'answer is (.+)'."
        )

    def read(text: str) -> str | None:
        matches = [match[1] for match in compiled.finditer(text) if match[1] is not None]
        return matches[-1].strip() if matches else None

    return Grader(f"regex {pattern}", read)


def last_number(text: str) -> str | None:
    """The last number of `text` as it is written there; None where there is none."""
    found = None
    for match in NUMBER.finditer(text):
        found = match[0]
    return found


def grade_all(grader: Grader, texts: Sequence[str], answer: str) -> tuple[Grade, ...]:
    """Grade of every solution of one problem."""
    return tuple(grader.grade(text, answer) for text in texts)


def require_read(grader: Grader, grades: Sequence[Grade], texts: Sequence[str]) -> None:
    """ConfigError when the grader has read nothing from any of the texts: it grades nothing."""
    if grades and not any(grade.answer is not None for grade in grades):
        end = " ".join(texts[0].split())[-60:]
        raise ConfigError(
            f"The grader {grader.name!r} found no answer in any of {len(grades)} solutions, the "
            f"first of which ends in {end!r}; choose another of {', '.join(NAMES)}, or let the "
            "solutions grow longer."
        )


def pass_at_k(n: int, c: int, k: int) -> float:
    """Chance that of `k` out of `n` solutions, `c` of them right, at least one is right."""
    if not (0 <= c <= n and 1 <= k <= n):
        raise InputError(
            f"pass@k needs 0 <= c <= n and 1 <= k <= n, got n = {n}, c = {c}, k = {k}: "
            "sample at least k solutions of each problem."
        )
    return 1.0 - math.comb(n - c, k) / math.comb(n, k)


def pass_rate(
    counts: Sequence[tuple[int, int]], k: int, *, level: float = 0.95, seed: int = 42
) -> Interval:
    """Mean pass@k over problems, each given as (n solutions, c right), with its interval."""
    rates = [pass_at_k(n, c, k) for n, c in counts]
    return share(rates, at=Level(level, seed=seed))
