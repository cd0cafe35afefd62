"""The component that distinguishes two models most, measured where it was not chosen.

Its smaller effect counts: A's into B towards A, or B's into A towards B. Half of the scenarios (or
wordings) choose the component whose smaller mean is largest, the other half measures both of its
effects, and the reverse. Both have to differ from 0, so p is the larger of two.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from microtome.statistics import Interval
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import by_component
from microtome.studies.dilemmas.largest import cluster_rows, held_out_size

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TwoWay:
    """Held-out effect of the weaker direction, the component of each half, p of both ways."""

    size: Interval
    chosen: tuple[str, str]
    p: float | None


def most_distinct(
    into: "pd.DataFrame", back: "pd.DataFrame", study: Configuration
) -> TwoWay | None:
    """From the patches of both directions with their column `towards`; None for one cluster."""
    one = cluster_rows(by_component(into, "towards"), study)
    other = cluster_rows(by_component(back, "towards"), study).loc[one.index, one.columns]
    if len(one) < 2:
        return None
    even = np.arange(len(one)) % 2 == 0
    ways = [one.to_numpy(float), other.to_numpy(float)]
    held, chosen = np.empty((2, len(one))), []
    for reporting in (even, ~even):
        column = int(np.minimum(*(way[~reporting].mean(0) for way in ways)).argmax())
        for values, way in zip(held, ways, strict=True):
            values[reporting] = way[reporting, column]
        chosen.append(str(one.columns[column]))
    sizes = [held_out_size(values, one, study) for values in held]
    p = [size.p for size in sizes if size.p is not None]
    both = max(p) if len(p) == len(sizes) else None
    return TwoWay(min(sizes, key=lambda size: size.value), (chosen[0], chosen[1]), both)
