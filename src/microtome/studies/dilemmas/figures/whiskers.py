"""Bars with whiskers from the rows of a table; where there is no interval, none is drawn."""

from typing import TYPE_CHECKING

from microtome.lab.figures import BarGroup

if TYPE_CHECKING:
    import pandas as pd


def whiskers(
    rows: "pd.DataFrame", value: str, label: str, colour: str, prefix: str = ""
) -> BarGroup:
    """One bar per row, from its columns `value`, and `low` and `high` behind `prefix`."""
    middle = rows[value].astype(float)
    return BarGroup(
        label,
        middle.tolist(),
        rows[f"{prefix}low"].astype(float).fillna(middle).tolist(),
        rows[f"{prefix}high"].astype(float).fillna(middle).tolist(),
        colour,
    )
