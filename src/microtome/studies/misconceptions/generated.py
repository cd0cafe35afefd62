"""Further pairs from the generator of the specimen's world: plain English on motion.

Members of a pair tell one scene and ask one question, and differ in the marker of their voice.
Pairs for selecting features use phrasings the specimen was trained on. Pairs for testing use
phrasings it never saw, and markers it never saw with that scene; none of these markers occurs in
a pair for selecting, so a feature that knows a marker by its words does not pass for one that
knows the voice.
"""

import random
from itertools import product

from microtome.errors import ConfigError
from microtome.specimens.world.document import Split
from microtome.specimens.world.kinematics import (
    MARKERS,
    QUANTITIES,
    SCENES,
    Quantity,
    Scene,
    Voice,
    ask,
    markers,
)
from microtome.studies.misconceptions.pairs import Pair, Prompt, Role

DOMAIN = "velocity_acceleration"
_CELLS = tuple(product(SCENES, QUANTITIES))
_SPLIT: dict[Role, Split] = {"select": "train", "test": "heldout"}
_TESTED = (1, 3, 4, 5)
"""Places of the markers for testing: of every scene's untrained ones at least one is among them."""
_TRIES = 10_000


def generated(count: int, seed: int) -> tuple[Pair, ...]:
    """`count` different pairs, the first half to select on and the second to test on."""
    half = (count + 1) // 2
    return (*_of_role("select", half, seed), *_of_role("test", count - half, seed))


def voiced(scene: str, voice: Voice, role: Role) -> tuple[str, ...]:
    """The markers of a voice in pairs of one role and scene."""
    tested = {MARKERS[voice][place] for place in _TESTED}
    return tuple(
        m for m in markers(scene, voice, _SPLIT[role]) if (m in tested) == (role == "test")
    )


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
    truth = ask(scene, quantity, "textbook", rng, _SPLIT[role]).truth
    question = truth["prompt"][len(truth["marker"]) :]
    right_text, wrong_text = (
        rng.choice(voiced(scene.name, voice, role)) + question
        for voice in ("textbook", "misconception")
    )
    name = f"generated_{role}_{number:03d}"
    right = Prompt(
        f"{name}a", name, "correct", DOMAIN, right_text, truth["right"], truth["wrong"], role
    )
    wrong = Prompt(f"{name}b", name, "misconception", DOMAIN, wrong_text, right.correct,
                   right.misconception, role)  # fmt: skip
    return Pair(right, wrong)
