"""Bars with whiskers from intervals; where there is none, none is drawn."""

from collections.abc import Sequence

from microtome.lab.figures import BarGroup
from microtome.statistics import Interval


def group(label: str, found: Sequence[Interval], colour: str) -> BarGroup:
    """One bar per interval."""
    return BarGroup(
        label,
        [one.value for one in found],
        [one.value if one.low is None else one.low for one in found],
        [one.value if one.high is None else one.high for one in found],
        colour,
    )
