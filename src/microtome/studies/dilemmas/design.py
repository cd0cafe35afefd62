"""What the prompts are to intervals and tests: scenarios to generalise over, or strata to stay in.

`resample = scenarios`: wordings of one scenario share its story, so scenarios are the clusters.
`resample = wordings`: would other wordings of these very scenarios show the same? Then scenarios
are strata: wordings are resampled within them, and what differs between scenarios is no noise.
"""

from collections import Counter
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np

from microtome import statistics
from microtome.lab import evidence
from microtome.statistics import Columns, Floats, Interval
from microtome.studies.dilemmas.configuration import Configuration

if TYPE_CHECKING:
    import pandas as pd

PLACE = ["scenario", "variant"]
"""The columns that name a prompt."""
GAP_FLOOR = 0.1
"""Logits below which a gap between two models is too small to divide by."""
ANYTHING = (-np.inf, np.inf)


def mean_over(
    frame: "pd.DataFrame",
    column: str,
    study: Configuration,
    within: tuple[float, float] = ANYTHING,
) -> Interval:
    """Mean of a column over prompts, with the interval that the configuration asks for."""
    if study.resample == "scenarios":
        return evidence.mean(frame, column, by="scenario", at=study.at, within=within)
    return statistics.mean(
        frame[column].to_numpy(float), prompt_names(frame), study.at,
        within=within, strata=list(frame["scenario"]),
    )  # fmt: skip


def prompt_names(frame: "pd.DataFrame") -> list[str]:
    """ "CC_continue, variant 3": how a sentence names the prompt of each row."""
    places = zip(frame["scenario"], frame["variant"], strict=True)
    return [f"{scenario}, variant {variant}" for scenario, variant in places]


def unpaired(
    first: "pd.DataFrame", second: "pd.DataFrame", column: str, study: Configuration
) -> Interval:
    """Difference of a probability between prompts of two kinds, which share no scenario."""
    a, b = (frame[column].to_numpy(float) for frame in (first, second))
    one, other = (list(frame["scenario"]) for frame in (first, second))
    if study.resample == "scenarios":
        return statistics.difference(
            a, b, study.at, a_clusters=one, b_clusters=other, within=(0, 1)
        )
    return statistics.difference(a, b, study.at, a_strata=one, b_strata=other, within=(0, 1))


def share_of_gap(
    frame: "pd.DataFrame", effect: str, gap: str, study: Configuration
) -> Interval | None:
    """Σ sign(gap)·effect / Σ|gap| over prompts; None where the gaps are too small to divide by.

    They are where prompts of |gap| below `GAP_FLOOR` hold half of Σ|gap|. With scenarios as
    strata the ratio r is linearised: its spread is that of sign(gap)·effect − r·|gap|, where a
    scenario counts by its number of wordings, as it does in r.
    """
    effects, gaps = frame[effect].to_numpy(float), frame[gap].to_numpy(float)
    if rests_on_small(gaps):
        return None
    scenarios = list(frame["scenario"])
    if study.resample == "scenarios":
        return statistics.signed_share(effects, gaps, scenarios, study.at)
    size = np.abs(gaps)
    r = float((np.sign(gaps) * effects).sum() / size.sum())
    rest = (np.sign(gaps) * effects - r * size) / size.mean()
    counts = Counter(scenarios)
    weight = np.array([counts[one] for one in scenarios]) * len(counts) / len(scenarios)
    return statistics.mean(r + weight * rest, prompt_names(frame), study.at, strata=scenarios)


def small_gaps(gaps: Floats) -> float:
    """Share of the prompts whose |gap| "prompt" is below `GAP_FLOOR`."""
    return float((np.abs(gaps) < GAP_FLOOR).mean())


def rests_on_small(gaps: Floats) -> bool:
    """Whether gaps below `GAP_FLOOR` make up half of Σ|gap| or more."""
    size = np.abs(gaps)
    return bool(size[size < GAP_FLOOR].sum() >= size.sum() / 2)


def tested(wide: "pd.DataFrame", study: Configuration) -> Columns:
    """The configured test of every column of a table "prompt column", by max-T.

    Over wordings every prompt is a cluster of its own: differences between scenarios then count
    as noise, which claims less than strata would.
    """
    names: list[Hashable] | None = None
    if study.resample == "scenarios":
        names = list(wide.index.get_level_values("scenario"))
    test = statistics.mean_is_0 if study.test == "mean_is_0" else statistics.symmetric_about_0
    return test(wide.to_numpy(float), names, study.at)


def p_values(found: Columns) -> list[float | None]:
    """One p-value per column; None where the design gives none."""
    return [None if np.isnan(p) else float(p) for p in found.p]


def undecided(found: Columns, study: Configuration) -> str:
    """Why no column can reach the level whatever it measures; "" if it can."""
    if found.reason:
        return found.reason
    if found.floor < study.at.alpha:
        return ""
    return f"{found.clusters} {study.resample} reach p = {found.floor:.2g} at best"


def counted(found: Columns, kind: str, study: Configuration) -> str:
    """How many of the columns have a p below the level by max-T, or why none can."""
    n = len(found.p)
    if why := undecided(found, study):
        return f"This design cannot decide which of the {n} {kind} have an effect: {why}."
    few = sum(p is not None and p < study.at.alpha for p in p_values(found))
    return f"{few} of {n} {kind} have p < {study.at.alpha:.2g} ({found.test}, max-T over all)."


def by_component(frame: "pd.DataFrame", column: str) -> "pd.DataFrame":
    """A table "prompt component" of one column, components in the order of the rows."""
    return frame.pivot_table(index=PLACE, columns="component", values=column, sort=False)
