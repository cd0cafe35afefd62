"""The layer or component that writes most at forks, its size where it was not selected.

Half of the problems select it and the other half estimate its size, then they swap; so is the
difference to every control estimated.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab import evidence
from microtome.statistics import Interval, held_out_maximum, mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.decisions import CONDITIONS, FORK
from microtome.studies.sampling.frames import PROBLEMS

if TYPE_CHECKING:
    import pandas as pd

SIZES = (0.0, np.inf)


@dataclass(frozen=True)
class Largest:
    """The column that each half of the problems chose, its held-out size, and size − control."""

    chosen: tuple[Any, Any]
    size: Interval
    over: dict[str, Interval]

    def named(self, kind: str) -> str:
        """The layer or component, where both halves choose the same, up to its size."""
        one, other = self.chosen
        if one == other:
            return f"{kind} {one} writes most to either side:"
        return (
            f"no {kind} is named, as halves of the problems choose {one} and {other}; these write"
        )

    def compared(self) -> str:
        """Whether the size differs from that under every control."""
        words = [
            evidence.direction(
                gap, f"more than for the {name}", f"less than for the {name}",
                f"not shown to differ from the {name}",
            )
            for name, gap in self.over.items()
        ]  # fmt: skip
        return ", ".join(words) or "without a control"

    def control(self) -> str:
        """Size − control with its interval, for every control."""
        words = [
            f"size − that for the {name} {gap.value:+.2f} "
            f"({evidence.worded(gap, PROBLEMS, '+.2f')})"
            for name, gap in self.over.items()
        ]
        return "; ".join(words) or "none: no problem has a fork and a control"


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
