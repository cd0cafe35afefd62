"""The largest of many, estimated where it was not chosen (cross-fitting).

Clusters are halved; each half chooses its column, the other half reports its values: one held-out
value per cluster, whose mean is the expected size of what is chosen. Choosing and estimating on
the same clusters covers .54-.79 at nominal .95 where all columns are equal.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from microtome.errors import InputError, NumericsError
from microtome.statistics.interval import Interval
from microtome.statistics.level import Floats, Level
from microtome.statistics.means import mean
from microtome.statistics.ratios import ANYTHING

_HALVINGS = 200


@dataclass(frozen=True)
class HeldOut:
    """Interval of the held-out values, the column that each half chose, and the agreement.

    `agreement` is the share of random halvings in which both halves choose the same column.
    """

    interval: Interval
    chosen: tuple[int, int]
    agreement: float
    values: tuple[float, ...]


def held_out_maximum(
    values: ArrayLike,
    at: Level = Level(),  # noqa: B008
    *,
    by: Literal["value", "abs"] = "value",
    within: tuple[float, float] = ANYTHING,
) -> HeldOut:
    """Size of the largest column of `values` [clusters, columns] on clusters that did not choose.

    `by="abs"` chooses by the size of the mean and reports it with the sign that the choosing half
    saw, so that noise averages to 0. Odd and even clusters are the halves. InputError below 2.
    """
    table = np.asarray(values, dtype=float)
    if table.ndim != 2 or len(table) < 2 or table.shape[1] < 1:
        raise InputError(f"A held-out maximum needs [2 or more clusters, columns]: {table.shape}.")
    if not np.isfinite(table).all():
        raise NumericsError("The values of a held-out maximum are not all finite.")
    even = np.arange(len(table)) % 2 == 0
    held = np.empty(len(table))
    chosen = []
    for reporting in (even, ~even):
        column, sign = _choice(table[~reporting], by)
        held[reporting] = sign * table[reporting, column]
        chosen.append(column)
    found = mean(held, at=at, within=_both_signs(within) if by == "abs" else within)
    return HeldOut(found, (chosen[1], chosen[0]), _agreement(table, by, at.seed), tuple(held))


def _choice(table: Floats, by: str) -> tuple[int, float]:
    """The column of largest mean (or |mean|) and the sign that it is read with."""
    means = table.mean(0)
    if by == "value":
        return int(means.argmax()), 1.0
    column = int(np.abs(means).argmax())
    return column, -1.0 if means[column] < 0 else 1.0


def _both_signs(within: tuple[float, float]) -> tuple[float, float]:
    widest = max(abs(within[0]), abs(within[1]))
    return -widest, widest


def _agreement(table: Floats, by: str, seed: int) -> float:
    rng, n = np.random.default_rng(seed), len(table)
    order = rng.permuted(np.tile(np.arange(n), (_HALVINGS, 1)), axis=1)
    first = (order < n // 2).astype(float)
    choices = []
    for half in (first, 1 - first):
        means = half @ table / half.sum(1, keepdims=True)
        choices.append((np.abs(means) if by == "abs" else means).argmax(1))
    return float((choices[0] == choices[1]).mean())
