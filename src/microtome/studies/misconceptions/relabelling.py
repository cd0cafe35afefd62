"""The control of the contrast: labels exchanged at random within pairs, everything done again.

In each set the members of every pair, to select on and held out alike, change places or do not.
Features that the contrast then claims on the one half are tested on the other half, as the real
ones are; what survives both is a false claim. Of every set the held-out AUROC is kept as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtome.audit import Audit
from microtome.statistics import Floats
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast, Sides
from microtome.studies.misconceptions.exchange import claimed_if, exchange
from microtome.studies.misconceptions.separation import combined, value


@dataclass(frozen=True, eq=False)
class Relabelled:
    """Per set of exchanged labels: features claimed, confirmed, and the AUROC of each layer."""

    claimed: tuple[int, ...]
    confirmed: tuple[int, ...]
    aurocs: tuple[dict[int, float], ...]

    def rows(self) -> list[dict[str, Any]]:
        """One row per set."""
        return [
            {"set": i, "claimed": c, "confirmed": k,
             **{f"auroc_layer_{layer}": value for layer, value in a.items()}}
            for i, (c, k, a) in enumerate(
                zip(self.claimed, self.confirmed, self.aurocs, strict=True), start=1
            )
        ]  # fmt: skip

    def audit(self, alpha: float) -> Audit:
        """The share of sets with any survivor."""
        survived = sum(k > 0 for k in self.confirmed)
        share = survived / len(self.confirmed) if self.confirmed else 0.0
        return Audit(
            "relabelled sets with a surviving feature", share, alpha,
            note=f"{survived} of {len(self.confirmed)} sets of exchanged labels.",
        )  # fmt: skip


def relabelled(found: Contrast, test: Sides, study: Configuration) -> Relabelled:
    """The whole contrast on sets of exchanged labels; nothing should survive."""
    rng = np.random.default_rng(study.seed)
    claimed, confirmed, aurocs = [], [], []
    own = test.only(found.features)
    for _ in range(study.permutations if found.features else 0):
        first = _signs(rng, len(found.sides.pairs))
        then = _signs(rng, len(own.pairs))
        exchanged = first[:, None] * found.sides.differences
        claims, means = claimed_if(found.test, exchanged, found.alpha), exchanged.mean(0)
        claimed.append(int(claims.sum()))
        confirmed.append(_confirmed(claims, means, then[:, None] * own.differences, found))
        aurocs.append(layer_aurocs(found, means, _exchanged(own, then), study))
    return Relabelled(tuple(claimed), tuple(confirmed), tuple(aurocs))


def layer_aurocs(
    found: Contrast, means: Floats, test: Sides, study: Configuration
) -> dict[int, float]:
    """Held-out AUROC per layer, of the features that are strongest by these means."""
    if not test.pairs:
        return {}
    values = {}
    for layer in dict.fromkeys(feature.layer for feature in found.features):
        right, wrong = scores(found, means, test, layer, study.top_n)
        values[layer] = value(right, wrong)
    return values


def scores(
    found: Contrast, means: Floats, test: Sides, layer: int, top_n: int
) -> tuple[Floats, Floats]:
    """The combined score of both members of every held-out pair, at one layer."""
    places = [i for i in by_strength(found, means) if found.features[i].layer == layer]
    kept = [i for sign in (1, -1) for i in [i for i in places if np.sign(means[i]) == sign][:top_n]]
    scale = np.concatenate([found.sides.correct, found.sides.misconception])[:, kept].std(0)
    signs = np.sign(means[kept])
    return (
        combined(test.correct[:, kept], signs, scale),
        combined(test.misconception[:, kept], signs, scale),
    )


def by_strength(found: Contrast, means: Floats) -> Sequence[int]:
    """Places of the features, the largest mean difference for its size first, as |t| orders."""
    spread = np.sqrt((found.sides.differences**2).mean(0))
    order: NDArray[np.intp] = np.argsort(-np.abs(means) / np.where(spread > 0, spread, 1.0))
    return [int(i) for i in order]


def _confirmed(claims: NDArray[np.bool_], means: Floats, test: Floats, found: Contrast) -> int:
    if not claims.any() or not len(test):
        return 0
    again = exchange(test[:, claims], found.at)
    same = np.sign(test[:, claims].mean(0)) == np.sign(means[claims])
    return int(((again.p <= found.alpha) & same).sum())


def _signs(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    signs: NDArray[np.float64] = rng.choice((1.0, -1.0), size=n)
    return signs


def _exchanged(given: Sides, signs: NDArray[np.float64]) -> Sides:
    """The members of the pairs of sign −1 exchanged."""
    kept = (signs > 0)[:, None]
    return Sides(
        given.features, given.pairs,
        np.where(kept, given.correct, given.misconception),
        np.where(kept, given.misconception, given.correct),
    )  # fmt: skip
