"""The largest of many components, measured where it was not chosen (cross-fitting).

Half of the scenarios (or wordings) choose the component of largest mean, the other half measures
it, and the reverse: the largest of many is smaller than it looks where it was chosen. It is named
only where the max-T test over all components, if it can decide at all, shows it to differ from 0.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from microtome import statistics
from microtome.lab.evidence import worded
from microtome.statistics import Columns, Floats, Interval
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import p_values, prompt_names, undecided

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Largest:
    """The component that each half chose, its held-out size, and the sign of its mean.

    `p` is that of the chosen by max-T (the larger where they are two), None where the test cannot
    decide (or was not asked).
    """

    size: Interval
    chosen: tuple[str, str]
    sign: float
    agreement: float
    p: float | None = None

    @property
    def claim_p(self) -> float | None:
        """p that the held-out size is 0, or that of max-T where it is larger."""
        return None if self.size.p is None else max(self.size.p, self.p or 0.0)

    @property
    def settled(self) -> bool:
        """Both halves chose the same, its held-out size leaves 0 out, and the test agrees."""
        same = self.chosen[0] == self.chosen[1] and self.size.excludes(0)
        return same and (self.p is None or self.p < 1 - self.size.level)

    @property
    def component(self) -> str:
        """The one that both halves chose, or both choices."""
        return " or ".join(dict.fromkeys(self.chosen))

    @property
    def value(self) -> float:
        """The held-out size, with the sign of the mean."""
        return self.sign * self.size.value

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """The interval of `value`."""
        if self.size.ends is None:
            return None, None
        low, high = sorted(self.sign * end for end in self.size.ends)
        return low, high

    def columns(self, prefix: str) -> dict[str, Any]:
        """As columns of a table."""
        names = ("component", "value", "low", "high", "settled", "agreement")
        values = (self.component, self.value, *self.ends, self.settled, self.agreement)
        return {f"{prefix}_{name}": one for name, one in zip(names, values, strict=True)}

    def evidence(self, study: Configuration, shape: str = ".2f") -> str:
        """The interval of `value` in words, and how it was chosen."""
        how = f"chosen on half of the {study.resample}, measured on the other half"
        if self.chosen[0] != self.chosen[1]:
            how = f"the halves of the {study.resample} choose {self.chosen[0]} and {self.chosen[1]}"
        return f"{worded(_times(self.sign, self.size), study.resample, shape)}; {how}"


def largest(
    wide: "pd.DataFrame",
    study: Configuration,
    test: Columns | None = None,
    by: Literal["value", "abs"] = "abs",
) -> Largest | None:
    """The column of largest |mean| of a table "prompt component"; None for a single cluster.

    `test` is that of all its columns, if the finding states one; `by="value"` takes the largest
    mean, whose sign is positive.
    """
    rows = cluster_rows(wide, study)
    if len(rows) < 2:
        return None
    found = statistics.held_out_maximum(rows.to_numpy(float), study.at, by=by)
    size = held_out_size(np.array(found.values), rows, study)
    first, second = (str(rows.columns[i]) for i in found.chosen)
    sign = 1.0 if by == "value" else _sign(rows[first].mean())
    top = Largest(size, (first, second), sign, found.agreement)
    if test is None or undecided(test, study):
        return top
    p = dict(zip(map(str, wide.columns), p_values(test), strict=True))
    return replace(top, p=max(p[name] or 0.0 for name in (first, second)))


def cluster_rows(wide: "pd.DataFrame", study: Configuration) -> "pd.DataFrame":
    """A table "prompt component" as "cluster component": scenario means, or the prompts."""
    if study.resample == "wordings":
        return wide
    return wide.groupby(level="scenario", sort=False).mean()


def held_out_size(values: Floats, rows: "pd.DataFrame", study: Configuration) -> Interval:
    """Mean of held-out values "cluster", one for each of `rows`, with its interval."""
    names = list(rows.index.get_level_values("scenario"))
    if study.resample == "scenarios":
        return statistics.mean(values, names, study.at)
    prompts = prompt_names(rows.index.to_frame())
    return statistics.mean(values, prompts, study.at, strata=names)


def _times(sign: float, size: Interval) -> Interval:
    """The interval, turned over where `sign` is −1."""
    if sign > 0:
        return size
    low, high = (None if end is None else -end for end in (size.high, size.low))
    rest = None if size.without is None else -size.without
    return replace(size, value=-size.value, low=low, high=high, without=rest)


def _sign(mean: float) -> float:
    return float(np.sign(mean)) or 1.0
