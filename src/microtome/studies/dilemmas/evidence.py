"""Intervals over prompts: what is drawn anew, and how it is said.

Wordings of one scenario share its story, so scenarios are resampled by default; with five of them
the smallest two-sided p-value that flipping signs can reach is 2 / 2^5 = 0.06. Resampling
wordings asks less: would other wordings of these very scenarios show the same?
"""

from collections.abc import Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.statistics import Interval, bootstrap_mean, bootstrap_ratio
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.players import Player, players

if TYPE_CHECKING:
    import pandas as pd

FLIPS = 10_000


def present(frame: "pd.DataFrame", study: Configuration) -> dict[str, Player]:
    """The compared models that a table has rows of, in the configuration's order."""
    there = set(frame["model"])
    return {name: player for name, player in players(study.models).items() if name in there}


def scenarios_in(frame: "pd.DataFrame") -> list[str]:
    """The scenarios of a table, in their order."""
    return list(dict.fromkeys(frame["scenario"]))


def groups(
    frame: "pd.DataFrame", *columns: str
) -> "Iterator[tuple[tuple[Any, ...], pd.DataFrame]]":
    """The rows of equal values in `columns`, with these values, in the order they are met."""
    for values, part in frame.groupby(list(columns), sort=False):
        yield (values if isinstance(values, tuple) else (values,)), part


def clusters(frame: "pd.DataFrame", study: Configuration) -> list[Hashable] | None:
    """What the rows are clustered by: their scenario, or nothing."""
    return list(frame["scenario"]) if study.resample == "scenarios" else None


def mean_of(
    frame: "pd.DataFrame",
    column: str,
    study: Configuration,
    within: tuple[float, float] = (-np.inf, np.inf),
) -> Interval:
    """Mean of a column with the interval that the configuration asks for, cut to `within`."""
    return bootstrap_mean(
        frame[column].to_numpy(float), clusters(frame, study),
        level=study.level, resamples=study.resamples, seed=study.seed,
        within=within,
    )  # fmt: skip


def over_wordings(
    probabilities: Sequence[float], study: Configuration
) -> tuple[float, float | None, float | None]:
    """Mean of probabilities, one per wording, with Student's interval cut at 0 and 1.

    Bootstrap-t breaks down near 0 and 1, where one odd wording makes up all the spread.
    """
    from scipy import stats

    value, n = float(np.mean(probabilities)), len(probabilities)
    if n < 2:
        return value, None, None
    half = float(stats.sem(probabilities) * stats.t.ppf((1 + study.level) / 2, n - 1))
    return value, max(0.0, value - half), min(1.0, value + half)


def ratio_of(
    frame: "pd.DataFrame", numerator: str, denominator: str, study: Configuration
) -> Interval:
    """Ratio of the means of two columns with its interval."""
    return bootstrap_ratio(
        frame[numerator].to_numpy(float), frame[denominator].to_numpy(float),
        clusters(frame, study),
        level=study.level, resamples=study.resamples, seed=study.seed,
    )  # fmt: skip


def bounds(interval: Interval, low: str = "low", high: str = "high") -> dict[str, Any]:
    """The ends of an interval as columns."""
    return {low: interval.low, high: interval.high}


def difference_of(
    high: Sequence[float], low: Sequence[float], study: Configuration
) -> tuple[float, float | None, float | None]:
    """Difference of two groups' means with Welch's interval over the wordings of both."""
    from scipy import stats

    value = float(np.mean(high) - np.mean(low))
    if min(len(high), len(low)) < 2 or np.ptp(high) == 0 == np.ptp(low):
        return value, None, None
    ends = stats.ttest_ind(high, low, equal_var=False).confidence_interval(study.level)
    return value, float(ends.low), float(ends.high)


def smallest_p(n_clusters: int) -> float:
    """The smallest two-sided p-value that flipping the signs of so many clusters can give."""
    exact = 2.0**n_clusters
    return 2 / exact if exact <= FLIPS else 1 / (FLIPS + 1)


def said(interval: Interval, study: Configuration) -> str:
    """ "95% interval −0.10 to +0.35 over 5 scenarios", or why there is none."""
    if interval.low is None or interval.high is None:
        return f"no interval: one {study.resample.removesuffix('s')} only"
    ends = f"{interval.low:+.2f} to {interval.high:+.2f}"
    return f"{study.level:.0%} interval {ends} over {interval.clusters} {study.resample}"
