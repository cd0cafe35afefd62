"""Whether attribution and patching agree on what is suppressed, on prompts that did not choose it.

    value = mean change of Δ over S  −  that over as many random heads and MLPs

S: components that write for defection in the source and less so in the receiver. Half of the
scenarios (or wordings) choose S by what they write, the other half measures the change of Δ when
they are put back, and the reverse. p exchanges the components of a kind, the same way in both
halves; the interval is over the prompts.
"""

from collections.abc import Hashable
from dataclasses import dataclass
from math import factorial, prod
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from microtome.statistics import Floats, Interval
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import PLACE, by_component, mean_over
from microtome.studies.dilemmas.patching import kind_of

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Agreement:
    """Change of Δ beyond random components, logits a component; p one-sided, with its floor."""

    size: Interval
    p: float
    floor: float


@dataclass(frozen=True, eq=False)
class Half:
    """Effects "prompt component" of one half, and the components "component" the others choose."""

    effects: "pd.DataFrame"
    chosen: Mask


def agreement(
    written: "pd.DataFrame", patched: "pd.DataFrame", study: Configuration
) -> Agreement | None:
    """From contributions per prompt (`changes_of`) and patches of the same pair.

    None where a half chooses no component, or there is one cluster only.
    """
    effects = by_component(patched, "delta_change")
    both = [by_component(written, one) for one in ("contribution_source", "difference")]
    source, change = (one.reindex(columns=effects.columns) for one in both)
    halves = []
    for reporting in _halves(_clusters(effects, study)):
        others = [name not in reporting for name in _clusters(source, study)]
        if not any(others):
            return None
        chosen = (source[others].mean() > 0) & (change[others].mean() < 0)
        own = effects[[name in reporting for name in _clusters(effects, study)]]
        halves.append(Half(own, chosen.to_numpy(bool)))
    if not all(half.chosen.any() and len(half.effects) for half in halves):
        return None
    kinds = np.array([kind_of(name) for name in effects.columns])
    return Agreement(_size(halves, kinds, study), *_test(halves, kinds, study))


def _clusters(wide: "pd.DataFrame", study: Configuration) -> list[Hashable]:
    """What each row is resampled as."""
    names = list(wide.index)
    return [name[0] for name in names] if study.resample == "scenarios" else names


def _halves(names: list[Hashable]) -> tuple[set[Hashable], set[Hashable]]:
    own = list(dict.fromkeys(names))
    return set(own[::2]), set(own[1::2])


def _expected(chosen: Mask, kinds: NDArray[np.str_]) -> Floats:
    """Weight "component" of each component in a random set of as many of each kind."""
    weight = np.zeros(len(chosen))
    for kind in np.unique(kinds):
        weight[kinds == kind] = chosen[kinds == kind].mean()
    found: Floats = weight / chosen.sum()
    return found


def _size(halves: list[Half], kinds: NDArray[np.str_], study: Configuration) -> Interval:
    """Interval of the values per prompt of both halves."""
    import pandas as pd

    parts = [
        half.effects @ (half.chosen / half.chosen.sum() - _expected(half.chosen, kinds))
        for half in halves
    ]
    values = pd.concat(parts).rename("value").reset_index()
    return mean_over(values.sort_values(PLACE), "value", study)


def _test(halves: list[Half], kinds: NDArray[np.str_], study: Configuration) -> tuple[float, float]:
    """p of the mean effect of the chosen among exchanged components, and its floor."""
    n = sum(len(half.effects) for half in halves)
    sums = [half.effects.to_numpy(float).sum(0) / n / half.chosen.sum() for half in halves]
    rng = np.random.default_rng(study.seed)
    place = np.tile(np.arange(len(kinds)), (study.resamples, 1))
    for kind in np.unique(kinds):
        place[:, kinds == kind] = rng.permuted(place[:, kinds == kind], axis=1)
    drawn, seen = np.zeros(study.resamples), 0.0
    for own, half in zip(sums, halves, strict=True):
        drawn += own[place] @ half.chosen
        seen += float(own @ half.chosen)
    slack = 1e-9 * sum(float(np.abs(own).sum()) for own in sums)
    least = 1 / (study.resamples + 1)
    reached = (int((drawn >= seen - slack).sum()) + 1) * least
    return reached, max(least, 1 / _arrangements(halves, kinds))


def _arrangements(halves: list[Half], kinds: NDArray[np.str_]) -> int:
    """How many different choices the exchange of components can give."""
    code = halves[0].chosen + 2 * halves[1].chosen
    own = [np.unique(code[kinds == kind], return_counts=True)[1] for kind in np.unique(kinds)]
    return prod(factorial(int(c.sum())) // prod(factorial(int(k)) for k in c) for c in own)
