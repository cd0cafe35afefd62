"""Means, shares and ratios of a table's columns over its clusters, and how they are worded.

A thin layer over `microtome.statistics`: `by` names the column of clusters (scenario, problem,
pair), so that every study takes the same interval of the same data in the same words.
"""

from collections.abc import Hashable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome import statistics
from microtome.audit import Audit
from microtome.errors import InputError
from microtome.statistics import Interval, Level

if TYPE_CHECKING:
    import pandas as pd

ANYTHING = (-np.inf, np.inf)


def mean(
    frame: "pd.DataFrame",
    column: str,
    *,
    by: str | None,
    at: Level,
    within: tuple[float, float] = ANYTHING,
    strata: str | None = None,
    null: float = 0.0,
) -> Interval:
    """Mean of a column over the clusters that `by` names; `strata` are resampled within."""
    return statistics.mean(
        _numbers(frame, column), _names(frame, by), at,
        within=within, strata=_names(frame, strata), null=null,
    )  # fmt: skip


def share(
    frame: "pd.DataFrame", column: str, *, by: str | None, at: Level, strata: str | None = None
) -> Interval:
    """Share of rows whose column holds, or mean of a column within 0 and 1."""
    return mean(frame, column, by=by, at=at, within=(0.0, 1.0), strata=strata)


def ratio(
    frame: "pd.DataFrame",
    top: str,
    bottom: str,
    *,
    by: str | None,
    at: Level,
    within: tuple[float, float] = ANYTHING,
) -> Interval:
    """Σ top / Σ bottom over the clusters that `by` names."""
    tops, bottoms = _numbers(frame, top), _numbers(frame, bottom)
    return statistics.ratio(tops, bottoms, _names(frame, by), at, within=within)


def _numbers(frame: "pd.DataFrame", column: str) -> np.ndarray:
    try:
        return _column(frame, column).to_numpy(float)
    except (TypeError, ValueError):
        raise InputError(f"Column {column!r} holds values that are no numbers.") from None


def _names(frame: "pd.DataFrame", by: str | None) -> list[Hashable] | None:
    if by is None:
        return None
    names = _column(frame, by)
    if names.isna().any():
        raise InputError(f"Column {by!r} names no cluster in {int(names.isna().sum())} rows.")
    return list(names)


def _column(frame: "pd.DataFrame", name: str) -> "pd.Series":
    if name not in frame:
        raise InputError(
            f"There is no column {name!r}; the table has {', '.join(map(str, frame.columns))}."
        )
    return frame[name]


def columns(interval: Interval, prefix: str = "", *, value: bool = False) -> dict[str, Any]:
    """The interval as columns of a table: low, high, n, clusters, method, n_star, limited."""
    found = {
        "low": interval.low, "high": interval.high, "n": interval.n,
        "clusters": interval.clusters, "method": interval.method,
        "n_star": interval.effective, "limited": interval.limited,
    }  # fmt: skip
    if value:
        found = {"value": interval.value, **found}
    return {f"{prefix}_{name}" if prefix else name: one for name, one in found.items()}


def bounds(interval: Interval) -> dict[str, Any]:
    """Value, ends and n as a finding takes them."""
    return {
        "value": interval.value, "low": interval.low, "high": interval.high, "n": interval.n,
    }  # fmt: skip


def worded(interval: Interval, unit: str, shape: str = ".2f") -> str:
    """ "95 % interval 0.10 to 0.35 over 6 problems", or why there is none."""
    if interval.ends is None:
        return f"no interval: {interval.reason}"
    low, high = interval.ends
    over = f"over {interval.clusters} {unit}"
    text = f"{100 * interval.level:g} % interval {low:{shape}} to {high:{shape}} {over}"
    if interval.limited and interval.without is not None:
        rest = f"without {interval.decider} it is {interval.without:{shape}}"
        text += f"; one of the {unit} decides: {rest}"
    return text


def direction(interval: Interval, more: str, less: str, none: str, null: float = 0.0) -> str:
    """`more` or `less` where the interval excludes the null value, else `none`."""
    if not interval.excludes(null):
        return none
    return more if interval.value > null else less


def audit(intervals: Iterable[Interval], within: tuple[float, float] = ANYTHING) -> Audit:
    """No interval leaves out its value or what is possible; how many had their reach limited."""
    known = [i for i in intervals if i.ends is not None]
    wrong = sum(not _sound(i, within) for i in known)
    limited = sum(i.limited for i in known)
    note = f"{len(known)} intervals; one cluster limits {limited}" if limited else ""
    return Audit("intervals that leave out their value or leave their range", wrong, 0, note=note)


def _sound(interval: Interval, within: tuple[float, float]) -> bool:
    low, high = interval.ends or within
    return within[0] <= low <= interval.value <= high <= within[1]
