"""Bands and whiskers: both ends of every point, or none, since half a band would mislead."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from microtome.statistics import Interval

if TYPE_CHECKING:
    import pandas as pd

Ends = tuple[list[float] | None, list[float] | None]


def band(intervals: Sequence[Interval]) -> Ends:
    """Low and high ends of intervals; neither where one of them is missing."""
    ends = [one.ends for one in intervals]
    known = [one for one in ends if one is not None]
    if len(known) < len(ends):
        return None, None
    return [low for low, _ in known], [high for _, high in known]


def ends(rows: "pd.DataFrame", low: str, high: str) -> Ends:
    """Two columns as ends; neither where a cell of them is empty."""
    if rows[[low, high]].isna().to_numpy().any():
        return None, None
    return rows[low].astype(float).tolist(), rows[high].astype(float).tolist()
