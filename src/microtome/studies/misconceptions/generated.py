"""Further pairs from the generator of the specimen's world: plain English on motion.

Members of a pair tell one scene and ask one question, and differ in the marker of their voice.
Pairs for selecting features use the markers and phrasings the specimen was trained on; pairs for
testing use phrasings it never saw and markers it never saw with that scene.
"""

import random
from itertools import product

from microtome.errors import ConfigError
from microtome.specimens.world.document import Split
from microtome.specimens.world.kinematics import QUANTITIES, SCENES, Quantity, Scene, ask, markers
from microtome.studies.misconceptions.pairs import Pair, Prompt, Role

DOMAIN = "velocity_acceleration"
_CELLS = tuple(product(SCENES, QUANTITIES))
_SPLIT: dict[Role, Split] = {"select": "train", "test": "heldout"}
_TRIES = 10_000


def generated(count: int, seed: int) -> tuple[Pair, ...]:
    """`count` different pairs, the first half to select on and the second to test on."""
    half = (count + 1) // 2
    return (*_of_role("select", half, seed), *_of_role("test", count - half, seed))


def _of_role(role: Role, count: int, seed: int) -> list[Pair]:
    """Pairs over all scenes and quantities in turn, no two alike."""
    rng = random.Random(f"misconceptions/{role}/{seed}")
    found: dict[tuple[str, str], Pair] = {}
    for turn in range(_TRIES):
        if len(found) == count:
            break
        scene, quantity = _CELLS[turn % len(_CELLS)]
        pair = _pair(scene, quantity, role, len(found) + 1, rng)
        found.setdefault((pair.correct.prompt, pair.misconception.prompt), pair)
    if len(found) < count:
        raise ConfigError(
            f"The generator has {len(found)} different pairs to {role} on and {count} were asked "
            f"for; lower --generated to {2 * len(found)}."
        )
    return list(found.values())


def _pair(scene: Scene, quantity: Quantity, role: Role, number: int, rng: random.Random) -> Pair:
    split = _SPLIT[role]
    truth = ask(scene, quantity, "textbook", rng, split).truth
    told = truth["prompt"][len(truth["marker"]) :]
    other = rng.choice(markers(scene.name, "misconception", split)) + told
    name = f"generated_{role}_{number:03d}"
    right = Prompt(
        f"{name}a", name, "correct", DOMAIN, truth["prompt"], truth["right"], truth["wrong"], role
    )
    wrong = Prompt(f"{name}b", name, "misconception", DOMAIN, other, right.correct,
                   right.misconception, role)  # fmt: skip
    return Pair(right, wrong)
