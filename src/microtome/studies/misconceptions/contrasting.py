"""Which features differ between the members of pairs: paired differences, correct − misconception.

    mean     mean difference over pairs            d_z    mean / standard deviation (Cohen 1988)
    p_max_t  labels exchanged within pairs (`exchange.py`), corrected over all features
    q        Benjamini and Hochberg's, from the p-values of single features

A feature is tested where it fires in at least `min_pairs` pairs; fewer cannot tell anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from microtome.statistics import Columns, Floats, Level
from microtome.studies.misconceptions.exchange import exchange


@dataclass(frozen=True)
class Feature:
    """A feature of one layer's dictionary."""

    layer: int
    number: int

    def __str__(self) -> str:
        return f"L{self.layer} #{self.number}"


@dataclass(frozen=True, eq=False)
class Sides:
    """Activations "pair feature" of both members of pairs, of the features that were kept."""

    features: tuple[Feature, ...]
    pairs: tuple[str, ...]
    correct: Floats
    misconception: Floats

    @property
    def differences(self) -> Floats:
        return self.correct - self.misconception

    def only(self, features: Sequence[Feature]) -> "Sides":
        """The same pairs with some of the features."""
        place = {feature: i for i, feature in enumerate(self.features)}
        kept = [place[feature] for feature in features]
        return Sides(
            tuple(features), self.pairs, self.correct[:, kept], self.misconception[:, kept]
        )

    def of(self, pairs: Sequence[str]) -> "Sides":
        """The same features on some of the pairs."""
        place = {pair: i for i, pair in enumerate(self.pairs)}
        kept = [place[pair] for pair in pairs]
        return Sides(self.features, tuple(pairs), self.correct[kept], self.misconception[kept])

    def firing(self, min_pairs: int) -> "Sides":
        """The features that fire in at least so many pairs."""
        fires = ((self.correct > 0) | (self.misconception > 0)).sum(0) >= min_pairs
        return self.only([f for f, own in zip(self.features, fires, strict=True) if own])


def sides(layer: int, values: Floats, pairs: Sequence[str], keep: NDArray[np.bool_]) -> Sides:
    """From activations "prompt d_dict", the members of each pair in turn, the correct one first."""
    kept = np.flatnonzero(keep)
    features = tuple(Feature(layer, int(f)) for f in kept)
    return Sides(features, tuple(pairs), values[::2][:, kept], values[1::2][:, kept])


def joined(parts: Sequence[Sides]) -> Sides:
    """Features of several layers on the same pairs."""
    return Sides(
        tuple(feature for part in parts for feature in part.features),
        parts[0].pairs,
        np.concatenate([part.correct for part in parts], axis=1),
        np.concatenate([part.misconception for part in parts], axis=1),
    )


@dataclass(frozen=True, eq=False)
class Contrast:
    """The test of every kept feature on one set of pairs."""

    sides: Sides
    test: Columns
    at: Level

    @property
    def alpha(self) -> float:
        """Largest p-value that counts."""
        return round(self.at.alpha, 12)

    @property
    def features(self) -> tuple[Feature, ...]:
        return self.sides.features

    @property
    def mean(self) -> Floats:
        means: Floats = self.sides.differences.mean(0)
        return means

    @property
    def d_z(self) -> Floats:
        """Mean difference over its standard deviation; 0 where nothing differs."""
        return cohens_d_z(self.sides.differences)

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Features that differ by max-T."""
        return np.asarray(self.test.p <= self.alpha)

    def ranked(self) -> list[int]:
        """Places of the features: claimed ones first, then by the size of their difference."""
        claimed, size = self.claimed, np.abs(self.mean)
        return sorted(range(len(self.features)), key=lambda i: (not claimed[i], -size[i]))

    def strongest(self, layer: int, sign: int, n: int) -> list[Feature]:
        """A layer's first n that are larger in correct members (sign +1) or the others (−1)."""
        found = [self.features[i] for i in self.ranked() if np.sign(self.mean[i]) == sign]
        return [feature for feature in found if feature.layer == layer][:n]


def contrast(given: Sides, *, min_pairs: int, at: Level) -> Contrast:
    """Test the features that fire in at least `min_pairs` of the pairs."""
    kept = given.firing(min_pairs)
    return Contrast(kept, exchange(kept.differences, at), at)


def cohens_d_z(differences: Floats) -> Floats:
    """Mean over standard deviation of each column "pair feature"; 0 where all are 0."""
    mean = differences.mean(0)
    spread = differences.std(0, ddof=1) if len(differences) > 1 else np.zeros_like(mean)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = mean / np.maximum(spread, 1e-12 * np.abs(mean))
    found: Floats = np.nan_to_num(ratio, nan=0.0)
    return found
