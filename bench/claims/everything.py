"""Every registered claim of the three studies, with the worlds that it is tried in."""

from bench.claims import dilemmas, forks, misconceptions, patching, sampling
from bench.claims.world import World

WORLDS: tuple[World, ...] = (
    *sampling.WORLDS[:7], *forks.WORLDS, *sampling.WORLDS[7:],
    *dilemmas.WORLDS[:5], *patching.WORLDS, *dilemmas.WORLDS[5:],
    *misconceptions.WORLDS,
)  # fmt: skip
STUDIES = tuple(dict.fromkeys(world.study for world in WORLDS))


def worlds_of(study: str) -> list[World]:
    """The worlds of one study; further nulls of a claim among them."""
    return [world for world in WORLDS if world.study == study]
