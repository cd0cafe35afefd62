"""The study's tables by group and problem, and intervals as their columns.

Completions of one problem share its text, so intervals resample problems.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from microtome.lab import evidence
from microtome.lab.claims import Evidence
from microtome.statistics import Interval, Level, mean_is_0

if TYPE_CHECKING:
    import pandas as pd

PROBLEMS = "problems"
"""What intervals resample, as findings word it."""


def groups(
    frame: "pd.DataFrame", *columns: str
) -> "Iterator[tuple[tuple[Any, ...], pd.DataFrame]]":
    """The rows of equal values in `columns`, with these values, in the order they are met."""
    for values, part in frame.groupby(list(columns), sort=False):
        yield (values if isinstance(values, tuple) else (values,)), part


def wide(frame: "pd.DataFrame", value: str, columns: Sequence[Any], by: str) -> "np.ndarray":
    """One value per problem and column, "problem column"; problems that miss one are left out."""
    table = frame.pivot_table(index="problem", columns=by, values=value, sort=False)
    return table.reindex(columns=list(columns)).dropna().to_numpy(float)


def columns_of(interval: Interval, name: str) -> dict[str, Any]:
    """An interval as columns: the value under `name`, the rest as `name`_low, `name`_high, ..."""
    return {name: interval.value, **evidence.columns(interval, name)}


def evidence_of(
    interval: Interval, unit: str, control: str, detail: str = "", shape: str = ".2f"
) -> Evidence:
    """An interval over problems as evidence; over how many, or why it is none, opens the detail."""
    words = evidence.worded(interval, PROBLEMS, shape)
    opening = f"{words[:1].upper()}{words[1:]}."
    return Evidence(
        **evidence.bounds(interval), unit=unit, control=control,
        detail=f"{opening} {detail}".strip(),
    )  # fmt: skip


def p_of_columns(effects: ArrayLike, at: Level) -> list[float | None]:
    """p of each column of "problem column" having mean 0, by max-T; None below 6 problems."""
    found = mean_is_0(np.asarray(effects, float), at=at).p
    return [None if np.isnan(p) else float(p) for p in found]


def p_words(p: float | None) -> str:
    """ "p = 0.02", or that the design gives none."""
    return "no p: a test of the mean takes 6 problems" if p is None else f"p = {p:.2g}"
