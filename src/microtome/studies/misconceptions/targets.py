"""What is ablated at one layer, where its effect is looked for, and in which direction.

Without a feature of the user's: the strongest features of each side, found on the pairs to select
on, ablated together on the held-out pairs. Features that are higher in correct members hold the
right answer up, so without them Δ should fall on correct members (and rise on misconceptions
without theirs). A feature of the user's is ablated on every prompt; its side is where it is
higher.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microtome.statistics import Floats
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast, Feature, contrast, joined, sides
from microtome.studies.misconceptions.pairs import LABELS, Prompt, Role


@dataclass(frozen=True)
class Target:
    """Features of one layer and the prompts on which they are ablated.

    `sign` is the predicted direction of the change of Δ: −1, +1, or 0 where nothing is predicted.
    `headline` are the places, among `prompts`, over which the effect is summed up.
    """

    layer: int
    side: str
    features: tuple[int, ...]
    sign: int
    prompts: tuple[Prompt, ...]
    headline: tuple[int, ...]

    @property
    def compared(self) -> tuple[Prompt, ...]:
        """The prompts of the headline."""
        return tuple(self.prompts[i] for i in self.headline)

    @property
    def place(self) -> dict[str, Any]:
        """The columns that name it."""
        return {"layer": self.layer, "side": self.side, "features": named(self.features)}


def named(features: Sequence[int]) -> str:
    """Features as one cell of a table."""
    return " ".join(map(str, features))


def chosen_targets(
    layer: int, found: Contrast, prompts: Sequence[Prompt], study: Configuration
) -> list[Target]:
    """What to ablate at a layer."""
    if study.feature is not None:
        return [_of_user(layer, study.feature, found, prompts)]
    test = tuple(p for p in prompts if p.role == "test")
    return [
        Target(
            layer, label, tuple(f.number for f in features), sign, test,
            tuple(i for i, p in enumerate(test) if p.label == label),
        )
        for label, sign in zip(LABELS, (-1, 1), strict=True)
        if test and (features := found.strongest(layer, -sign, study.top_n))
    ]  # fmt: skip


def _of_user(layer: int, feature: int, found: Contrast, prompts: Sequence[Prompt]) -> Target:
    mean = next(
        (
            m for f, m in zip(found.features, found.mean, strict=True)
            if f == Feature(layer, feature)
        ), 0.0,
    )  # fmt: skip
    sign = -int(np.sign(mean))
    side: str = {-1: LABELS[0], 1: LABELS[1]}.get(sign, "neither")
    every = tuple(prompts)
    return Target(layer, side, (feature,), sign, every, tuple(range(len(every))))


def selected(
    by_layer: Mapping[int, Floats],
    prompts: Sequence[Prompt],
    study: Configuration,
    role: Role = "select",
) -> Contrast:
    """The contrast of all layers on the pairs to select on, from activations "prompt d_dict"."""
    kept = [i for i, p in enumerate(prompts) if p.role == role]
    pairs = [prompts[i].pair_id for i in kept][::2]
    parts = [
        sides(layer, values[kept], pairs, np.any(values[kept] > 0, axis=0))
        for layer, values in by_layer.items()
    ]
    return contrast(joined(parts), min_pairs=study.min_pairs, at=study.at)
