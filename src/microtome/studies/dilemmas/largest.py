"""The largest of many components, measured where it was not chosen (cross-fitting).

Half of the scenarios (or wordings) choose the component of largest mean, the other half measures
it, and the reverse: the largest of many is smaller than it looks where it was chosen. It is named
only where the max-T test over all components, if it can decide at all, shows it to differ from 0.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome import statistics
from microtome.lab.evidence import worded
from microtome.statistics import Columns, Interval
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import p_values, prompt_names, undecided

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Largest:
    """The component that each half chose, its held-out size, and the sign of its mean.

    `p` is its own by max-T and `shown` how many components reach the level; None where the test
    cannot decide (or was not asked).
    """

    size: Interval
    chosen: tuple[str, str]
    sign: float
    agreement: float
    p: float | None = None
    shown: int | None = None

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
        """The interval of `value` in words, and how it was chosen.

        A sentence that prints the |value| of a settled component takes `of_size`.
        """
        return self._worded(self.sign, study, shape)

    def of_size(self, study: Configuration) -> str:
        """As `evidence`, but of |value| once it is settled."""
        turned = self.settled and self.size.value < 0
        sign = self.sign if not self.settled else -1.0 if turned else 1.0
        return self._worded(sign, study, ".2f")

    def _worded(self, sign: float, study: Configuration, shape: str) -> str:
        how = f"chosen on half of the {study.resample}, measured on the other half"
        if self.chosen[0] != self.chosen[1]:
            how = f"the halves of the {study.resample} choose {self.chosen[0]} and {self.chosen[1]}"
        return f"{worded(_times(sign, self.size), study.resample, shape)}; {how}"


def largest(
    wide: "pd.DataFrame", study: Configuration, test: Columns | None = None
) -> Largest | None:
    """The column of largest |mean| of a table "prompt component"; None for a single cluster.

    `test` is that of all its columns, if the finding states one.
    """
    over_scenarios = study.resample == "scenarios"
    rows = wide.groupby(level="scenario", sort=False).mean() if over_scenarios else wide
    if len(rows) < 2:
        return None
    found = statistics.held_out_maximum(rows.to_numpy(float), study.at, by="abs")
    names = list(rows.index.get_level_values("scenario"))
    if over_scenarios:
        size = statistics.mean(found.values, names, study.at)
    else:
        prompts = prompt_names(rows.index.to_frame())
        size = statistics.mean(found.values, prompts, study.at, strata=names)
    first, second = (str(rows.columns[i]) for i in found.chosen)
    top = Largest(size, (first, second), _sign(rows[first].mean()), found.agreement)
    if test is None or undecided(test, study):
        return top
    p = dict(zip(map(str, wide.columns), p_values(test), strict=True))
    shown = sum(one is not None and one < study.at.alpha for one in p.values())
    return replace(top, p=p[first], shown=shown)


def _times(sign: float, size: Interval) -> Interval:
    """The interval, turned over where `sign` is −1."""
    if sign > 0:
        return size
    low, high = (None if end is None else -end for end in (size.high, size.low))
    rest = None if size.without is None else -size.without
    return replace(size, value=-size.value, low=low, high=high, without=rest)


def _sign(mean: float) -> float:
    return float(np.sign(mean)) or 1.0
