"""Intervals of many columns, one after the other."""

from collections.abc import Sequence

import numpy as np

from microtome.statistics import Floats, Interval, Level, mean

ANYTHING = (-np.inf, np.inf)


def means(
    values: Floats,
    at: Level,
    pairs: Sequence[str] | None = None,
    within: tuple[float, float] = ANYTHING,
) -> list[Interval]:
    """Mean of each column of "row column" with its interval over pairs (None: over rows)."""
    return [mean(column, pairs, at, within=within) for column in values.T]


def ends(found: Sequence[Interval]) -> tuple[list[float | None], list[float | None]]:
    """Low and high of each."""
    return [one.low for one in found], [one.high for one in found]
