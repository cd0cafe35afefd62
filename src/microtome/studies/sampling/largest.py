"""The layer or component that writes most at forks, its size where it was not selected.

Half of the problems select it and the other half estimate its size, then they swap; so is the
difference to every control estimated.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.statistics import Interval, held_out_maximum, mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.decisions import CONDITIONS, FORK

if TYPE_CHECKING:
    import pandas as pd

SIZES = (0.0, np.inf)


@dataclass(frozen=True)
class Largest:
    """The column that each half of the problems chose, its held-out size, and size − control."""

    chosen: tuple[Any, Any]
    size: Interval
    over: dict[str, Interval]

    @property
    def agreed(self) -> Any | None:
        """What both halves of the problems choose, or None."""
        one, other = self.chosen
        return one if one == other else None


def largest(rows: "pd.DataFrame", by: str, column: str, study: Configuration) -> Largest | None:
    """The largest of `by` at forks on held-out problems; None where one problem is all there is."""
    tables = {
        condition: _sizes(rows[rows["condition"] == condition], by, column)
        for condition in CONDITIONS
        if (rows["condition"] == condition).any()
    }
    own = tables.pop(FORK)
    if len(own) < 2:
        return None
    held = held_out_maximum(own.to_numpy(float), study.at, within=SIZES)
    names = list(own.columns)
    chosen = (names[held.chosen[0]], names[held.chosen[1]])
    over = {
        name: gap
        for name, other in tables.items()
        if (gap := _gap(own, other, chosen, study)) is not None
    }
    return Largest(chosen, held.interval, over)


def _sizes(rows: "pd.DataFrame", by: str, column: str) -> "pd.DataFrame":
    """Mean |column| "problem by" of forks."""
    sizes = rows.assign(size=rows[column].abs())
    return sizes.pivot_table(index="problem", columns=by, values="size", sort=False)


def _gap(
    own: "pd.DataFrame", other: "pd.DataFrame", chosen: tuple[Any, Any], study: Configuration
) -> Interval | None:
    """Size at forks − size under a control, of what the other half of the problems chose."""
    # The even problems chose the first; the odd ones report it.
    gaps = {
        problem: own.loc[problem, name] - other.loc[problem, name]
        for i, problem in enumerate(own.index)
        if problem in other.index and (name := chosen[1 - i % 2]) in other.columns
    }
    if len(gaps) < 2:
        return None
    return mean(list(gaps.values()), list(gaps), study.at)
