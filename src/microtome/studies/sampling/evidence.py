"""Means over problems with their intervals, and how they are said.

Completions of one problem share its text, so problems are what is drawn anew.
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from microtome.statistics import Interval, bootstrap_mean, proportion, sign_flip
from microtome.studies.sampling.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd


def groups(
    frame: "pd.DataFrame", *columns: str
) -> "Iterator[tuple[tuple[Any, ...], pd.DataFrame]]":
    """The rows of equal values in `columns`, with these values, in the order they are met."""
    for values, part in frame.groupby(list(columns), sort=False):
        yield (values if isinstance(values, tuple) else (values,)), part


def over_problems(
    values: ArrayLike,
    study: Configuration,
    within: tuple[float, float] = (-np.inf, np.inf),
    problems: Sequence[Hashable] | None = None,
) -> Interval:
    """Mean of values with the interval that the configuration asks for, over their `problems`.

    Each value is a problem's own if None. Where all are equal a bootstrap has no width; at most a
    share q of problems is then otherwise (Clopper and Pearson, none of as many), which bounds the
    mean by what is possible, `within`.
    """
    numbers = np.asarray(values, float)
    count = len(numbers) if problems is None else len(set(problems))
    if count > 1 and np.isfinite(within).all() and np.ptp(numbers) == 0:
        value, (least, most) = float(numbers[0]), within
        q = float(proportion(0, count, level=study.level, exact=True).high or 0.0)
        low, high = value - q * (value - least), value + q * (most - value)
        return Interval(value, low, high, study.level, len(numbers), count)
    return bootstrap_mean(
        numbers, problems, level=study.level, resamples=study.resamples, seed=study.seed,
        within=within,
    )  # fmt: skip


def largest_elsewhere(table: "np.ndarray") -> "np.ndarray":
    """Each problem's value of "problem column" in the column largest over the other half of them.

    A column chosen as the largest is too large on what it was chosen on; so it is not.
    """
    if len(table) < 2:
        return np.asarray(table.max(1))
    found = np.empty(len(table))
    for half in (slice(0, None, 2), slice(1, None, 2)):
        rest = slice(1 - (half.start or 0), None, 2)
        found[half] = table[half, int(table[rest].mean(0).argmax())]
    return found


def columns_of(interval: Interval, name: str) -> dict[str, Any]:
    """An interval as three columns."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}


def flip_p(differences: ArrayLike, study: Configuration) -> list[float]:
    """p-value of each column of "problem m" having mean 0, corrected over the columns."""
    p = sign_flip(np.asarray(differences, float), seed=study.seed)
    return [float(one) for one in p]


def said(interval: Interval, study: Configuration, shape: str = ".2f") -> str:
    """ "95% interval 0.10 to 0.35 over 6 problems", or why there is none."""
    if interval.low is None or interval.high is None:
        return "no interval: one problem only"
    if interval.low == interval.high:
        return f"the same in all {interval.clusters} problems, so the bootstrap has no width"
    ends = f"{interval.low:{shape}} to {interval.high:{shape}}"
    return f"{study.level:.0%} interval {ends} over {interval.clusters} problems"


def bounds(interval: Interval) -> dict[str, Any]:
    """Value and ends as a finding takes them; ends that are one are none."""
    low, high = (interval.low, interval.high) if interval.low != interval.high else (None, None)
    return {"value": interval.value, "low": low, "high": high, "n": interval.n}


def wide(frame: "pd.DataFrame", value: str, columns: Sequence[Any], by: str) -> "np.ndarray":
    """One value per problem and column, "problem column"; problems that miss one are left out."""
    table = frame.pivot_table(index="problem", columns=by, values=value, sort=False)
    return table.reindex(columns=list(columns)).dropna().to_numpy(float)
