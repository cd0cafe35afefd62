"""Means over problems with their intervals, and how they are said.

Completions of one problem share its text, so problems are what is drawn anew.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from microtome.statistics import Interval, bootstrap_mean, sign_flip
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
) -> Interval:
    """Mean of one value per problem with the interval that the configuration asks for."""
    return bootstrap_mean(
        values, level=study.level, resamples=study.resamples, seed=study.seed, within=within
    )


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
    ends = f"{interval.low:{shape}} to {interval.high:{shape}}"
    return f"{study.level:.0%} interval {ends} over {interval.clusters} problems"


def bounds(interval: Interval) -> dict[str, Any]:
    """Value and ends as a finding takes them."""
    return {"value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n}


def wide(frame: "pd.DataFrame", value: str, columns: Sequence[Any], by: str) -> "np.ndarray":
    """One value per problem and column, "problem column"; problems that miss one are left out."""
    table = frame.pivot_table(index="problem", columns=by, values=value, sort=False)
    return table.reindex(columns=list(columns)).dropna().to_numpy(float)
