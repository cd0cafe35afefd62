"""Is a feature of the voice, of what is stated, or specific to the domain? Three factors, apart.

    inside     held-out pairs: two voices before one sentence of the domain
    outside    the same markers before sentences that have nothing to do with it     (voice alone)
    content    pairs without a marker: one states the misconception, one does not    (content alone)
    words      these statements before sentences that have nothing to do with the domain

A feature that was found on stated beliefs has the content pairs as its inside, and the words
outside; one that was found on voices has no use for the words. Every effect is a mean paired
difference in the direction found on the pairs to select on. A factor *carries* a feature where it
alone gives at least half of the effect inside (the interval of factor − inside / 2 lies above 0);
it does not where that interval lies below 0. These intervals are at 1 − α / (number of features),
so that all verdicts hold together; differences are taken to reach no further than the largest one
seen, since a feature may be silent on all pairs of a factor.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microtome.statistics import Floats, Interval, Level, difference, mean
from microtome.studies.misconceptions.contrasting import Feature, Sides

HALF = 0.5
"""Share of the effect inside the domain from which on a factor counts as carrying it."""
VOICE, CONTENT, BOTH = "of the voice", "of the content", "of voice and content"
WORDS = "of the words"
DOMAIN, UNDECIDED = "specific to the domain", "undecided"
_SETS, _STRONGEST = 20, 10
"""Exchanged sets of the control, and features that they are tried on."""
VERDICTS = (VOICE, CONTENT, BOTH, WORDS, DOMAIN, UNDECIDED)


@dataclass(frozen=True)
class Effects:
    """One feature's effect inside, and under each factor alone (None: not in these data).

    `replicated`: the held-out pairs show the effect in its direction, at the stricter level too.
    `carried` is the interval of factor − inside / 2.
    """

    feature: Feature
    side: str
    inside: Interval
    replicated: bool
    alone: dict[str, Interval | None]
    carried: dict[str, Interval | None]
    by: str = "voice"
    """What its contrast varied: the voice, or the stated content."""

    @property
    def verdict(self) -> str:
        """One of `VERDICTS`."""
        if not self.replicated:
            return UNDECIDED
        known = [one for one in self.carried.values() if one is not None]
        if not known or not all(one.excludes() for one in known):
            return UNDECIDED
        if self.by == "content":
            return self._of_content()
        voice, content = (_carries(self.carried[name]) for name in ("outside", "content"))
        if voice or content:
            return BOTH if voice and content else VOICE if voice else CONTENT
        return DOMAIN if self.carried["outside"] is not None else UNDECIDED

    def _of_content(self) -> str:
        """The verdict of a feature that was found on stated beliefs, all intervals decided."""
        outside, words = (self.carried[name] for name in ("outside", "words"))
        if _carries(outside):
            return BOTH
        if _carries(words):
            return WORDS
        return UNDECIDED if outside is None or words is None else CONTENT


def _carries(carried: Interval | None) -> bool:
    return carried is not None and carried.excludes() and carried.value > 0


def effects(
    claimed: Sequence[tuple[Feature, str]],
    inside: Sides,
    outside: Sides | None,
    content: Sides | None,
    at: Level,
    *,
    words: Sides | None = None,
    by: str = "voice",
    tests: int | None = None,
) -> list[Effects]:
    """The effects of every claimed feature, given with the side on which it is higher.

    `tests` (None: as many as features) divides α; `by` is what the contrast varied.
    """
    strict = replace(at, level=1 - at.alpha / max(1, tests or len(claimed)))
    factors = {"outside": outside, "content": content}
    if by == "content":
        factors["words"] = words
    found = [_effects(one, side, inside, factors, at, strict) for one, side in claimed]
    return [replace(one, by=by) for one in found]


def _effects(
    feature: Feature,
    side: str,
    inside: Sides,
    factors: dict[str, Sides | None],
    at: Level,
    strict: Level,
) -> Effects:
    own = signed(feature, side, inside)
    alone: dict[str, Interval | None] = dict.fromkeys(factors)
    carried = dict(alone)
    for name, sides in factors.items():
        if sides is None:
            continue
        values = signed(feature, side, sides)
        most = float(max(np.abs(own).max(), np.abs(values).max(), 1e-9))
        alone[name] = mean(values, at=at)
        carried[name] = difference(values, HALF * own, strict, within=(-most, most))
    strictly = mean(own, at=strict)
    replicated = strictly.excludes() and strictly.value > 0
    return Effects(feature, side, mean(own, at=at), replicated, alone, carried)


def exchanged(
    claimed: Sequence[tuple[Feature, str]], inside: Sides, outside: Sides, at: Level
) -> tuple[int, int]:
    """The control: verdicts "of the voice" with labels outside the domain exchanged at random.

    How many there are, of how many; over the strongest features, in several sets.
    """
    rng, found = np.random.default_rng(at.seed), []
    for _ in range(_SETS):
        kept = (rng.random(len(outside.pairs)) < 0.5)[:, None]
        other = replace(
            outside,
            correct=np.where(kept, outside.correct, outside.misconception),
            misconception=np.where(kept, outside.misconception, outside.correct),
        )
        found += effects(claimed[:_STRONGEST], inside, other, None, at)
    return sum(one.verdict == VOICE for one in found), len(found)


def signed(feature: Feature, side: str, sides: Sides) -> Floats:
    """Paired differences of one feature, positive where it is higher on its own side."""
    only = sides.only([feature]).differences[:, 0]
    found: Floats = only if side == "correct" else -only
    return found


def row(found: Effects, inside: Sides, outside: Sides | None) -> dict[str, Any]:
    """As columns of a table."""
    cells: dict[str, Any] = {
        "layer": found.feature.layer, "feature": found.feature.number, "side": found.side,
        "verdict": found.verdict,
    }  # fmt: skip
    for name, one in {"inside": found.inside, **found.alone}.items():
        cells |= {
            f"{name}_{part}": getattr(one, part, None) for part in ("value", "low", "high", "n")
        }
    for name, sides in (("inside", inside), ("outside", outside)):
        if sides is not None:
            own = sides.only([found.feature])
            order = 1 if found.side == "correct" else -1
            higher, lower = (own.correct, own.misconception)[::order]
            cells[f"{name}_after_own_marker"] = float(higher.mean())
            cells[f"{name}_after_other_marker"] = float(lower.mean())
            cells[f"{name}_fires"] = int(np.count_nonzero(higher > 0))
    for name, one in found.carried.items():
        cells[f"{name}_carries"] = None if one is None else one.value
        cells[f"{name}_carries_low"] = None if one is None else one.low
        cells[f"{name}_carries_high"] = None if one is None else one.high
    return cells
