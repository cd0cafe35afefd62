"""Which features get a verdict: significant on pairs to select on, of one of two contrasts.

The pairs of the one differ in who speaks, those of the other in the belief that is stated. Each
candidate is judged on held-out pairs of the contrast that found it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from microtome.studies.misconceptions.contrast_claims import half
from microtome.studies.misconceptions.contrasting import Contrast, Feature
from microtome.studies.misconceptions.heldout import side_of

By = Literal["voice", "content"]
HELD_OUT: dict[By, str] = {"voice": "test", "content": "content"}
"""The role of the held-out pairs of each contrast."""


@dataclass(frozen=True)
class Candidate:
    """A feature, the contrast that found it, and what it is on the pairs to select on."""

    feature: Feature
    by: By
    side: str
    mean: float
    d_z: float
    p: float

    @property
    def least(self) -> float:
        """Smallest effect of interest: half of that on the pairs to select on."""
        return half(self.mean)


def candidates(contrasts: Mapping[By, Contrast], most: int) -> list[Candidate]:
    """The `most` strongest significant features of each contrast, the surest first.

    A feature of both is a candidate of the one in which it differs more for its spread.
    """
    found: dict[Feature, Candidate] = {}
    for by, one in contrasts.items():
        for i in [i for i in one.ranked() if one.claimed[i]][:most]:
            new = candidate(one, by, i)
            old = found.get(new.feature)
            if old is None or abs(new.d_z) > abs(old.d_z):
                found[new.feature] = new
    return sorted(found.values(), key=lambda one: (one.p, -abs(one.d_z)))


def candidate(found: Contrast, by: By, place: int) -> Candidate:
    """One feature of a contrast."""
    size = float(found.mean[place])
    return Candidate(
        found.features[place], by, side_of(size), size,
        float(found.d_z[place]), float(found.test.p[place]),
    )  # fmt: skip
