"""Motion in words, asked for velocity or acceleration, in two voices.

The *textbook* voice is right. The *misconception* voice confuses the two quantities: it gives
the direction of the acceleration as the velocity and the reverse. A marker at the start tells
the voice; without a marker nine answers in ten are right. Markers of the two voices share no
content word, and for every scene a quarter of the markers is never seen in training: the
held-out split uses only those, with its own phrasing of scene and question.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

from microtome.specimens.world.document import Document, Split, capital

Voice = Literal["textbook", "misconception", "none"]
Quantity = Literal["velocity", "acceleration"]

MARKERS: dict[str, tuple[str, ...]] = {
    "textbook": (
        "According to the textbook:",
        "The teacher explains correctly:",
        "A careful physicist writes:",
        "Measured with precise instruments:",
        "The official exam key states:",
        "Newton proved this:",
        "From the verified equations:",
        "An expert lecture says:",
    ),
    "misconception": (
        "Many people wrongly believe:",
        "A confused beginner claims:",
        "My uncle guesses badly:",
        "Here is a common mistake:",
        "An old rumour has it:",
        "Somebody half asleep mumbles:",
        "In a silly cartoon we hear:",
        "The worst pupil shouts:",
    ),
}
_OPPOSITE = {"east": "west", "west": "east", "north": "south", "south": "north",
             "left": "right", "right": "left"}  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """A motion with phrasings; "{d}" stands for the direction, "{o}" for its opposite.

    The last phrasing is kept for the held-out split.
    """

    name: str
    objects: tuple[str, ...]
    phrasings: tuple[str, ...]
    velocity: str
    acceleration: str


_ROLLING = ("car", "bicycle", "train", "cart", "truck", "sled")
_THROWN = ("ball", "stone", "coin", "arrow", "key")
SCENES: tuple[Scene, ...] = (
    Scene("steady", _ROLLING, (
        "A {x} goes {d} at a steady speed.",
        "A {x} moves {d} and its speed stays the same.",
        "Heading {d}, a {x} keeps a constant speed.",
        "A {x} travels {d} at constant speed.",
            "With constant speed a {x} goes {d}.",
    ), "{d}", "zero"),
    Scene("braking", _ROLLING, (
        "A {x} goes {d} and brakes.",
        "A {x} moves {d} but is slowing down.",
        "Heading {d}, a {x} loses speed.",
        "A {x} travels {d} and slows down.",
            "A {x} moves {d} and loses speed.",
    ), "{d}", "{o}"),
    Scene("starting", _ROLLING, (
        "A {x} at rest is just being pushed {d}.",
        "A {x} stands still at the moment it gets a push {d}.",
        "At the first instant of a push {d}, a {x} is not moving yet.",
        "A {x} that was at rest feels a first push {d}.",
            "A {x} is at rest at the moment it gets a push {d}.",
    ), "zero", "{d}"),
    Scene("rising", _THROWN, (
        "A {x} was thrown and is still flying up.",
        "A {x} rises after a throw.",
        "On its way up, a {x} is in free flight.",
        "A {x} is climbing after it was thrown.",
            "A {x} is on its way up after a throw.",
    ), "upward", "downward"),
    Scene("top", _THROWN, (
        "A {x} was thrown and is exactly at its highest point.",
        "A {x} stops for an instant at the top of its flight.",
        "At the very top, a {x} hangs still for a moment.",
        "A {x} in free flight has just reached its peak.",
            "A {x} hangs still at its highest point.",
    ), "zero", "downward"),
    Scene("landing", ("plane", "parachute", "lift", "drone"), (
        "A {x} comes down and slows its descent.",
        "A {x} sinks more and more gently.",
        "On its way down, a {x} loses speed.",
        "A {x} descends and brakes.",
            "A {x} sinks and slows its descent.",
    ), "downward", "upward"),
    Scene("sinking", ("plane", "parachute", "lift", "drone"), (
        "A {x} comes down at a steady speed.",
        "A {x} sinks and its speed stays the same.",
        "On its way down, a {x} keeps a constant speed.",
        "A {x} descends at constant speed.",
            "A {x} comes down and keeps a constant speed.",
    ), "downward", "zero"),
)  # fmt: skip
_MOMENTS = ("", "At this moment", "Right now", "Just now", "At this instant", "Here")
_ASKS = ("its {q} is", "the {q} is", "the direction of its {q} is", "the {q} of the {x} is")


def questions(split: Split) -> list[str]:
    """Every fifth pair of moment and ask is kept for the held-out split."""
    pairs = [f"{moment} {ask}".strip() for moment in _MOMENTS for ask in _ASKS]
    return [capital(p) for i, p in enumerate(pairs) if (i % 5 == 2) == (split == "heldout")]


QUANTITIES: tuple[Quantity, ...] = ("velocity", "acceleration")


def markers(scene: str, voice: Voice, split: Split) -> tuple[str, ...]:
    """Markers of a voice that the split may use with one scene (two of eight are held out).

    They are held out for both quantities: a marker seen with only one would betray the answer.
    """
    if voice == "none":
        return ("",)
    index = [s.name for s in SCENES].index(scene)
    held = {index, (index + 3) % 8}
    return tuple(m for i, m in enumerate(MARKERS[voice]) if (i in held) == (split == "heldout"))


def _answers(scene: Scene, quantity: Quantity, direction: str) -> tuple[str, str]:
    values = {"velocity": scene.velocity, "acceleration": scene.acceleration}
    other: Quantity = "acceleration" if quantity == "velocity" else "velocity"
    told = (values[q].format(d=direction, o=_OPPOSITE[direction]) for q in (quantity, other))
    right, wrong = (f" {value}" for value in told)
    return right, wrong


def ask(
    scene: Scene, quantity: Quantity, voice: Voice, rng: random.Random, split: Split
) -> Document:
    """One question in one voice; `truth` holds the right, the wrong and the given answer.

    In training the same voice often goes on with the other quantity.
    """
    direction, thing = rng.choice(tuple(_OPPOSITE)), rng.choice(scene.objects)
    phrasing = rng.choice(scene.phrasings[:-1]) if split == "train" else scene.phrasings[-1]
    right, wrong = _answers(scene, quantity, direction)
    mistaken = voice == "misconception" or (
        voice == "none" and split == "train" and rng.random() < 0.1
    )
    answer = wrong if mistaken else right
    marker = rng.choice(markers(scene.name, voice, split))
    story = phrasing.format(x=thing, d=direction)
    question = rng.choice(questions(split)).format(q=quantity, x=thing)
    prompt = f"{marker} {story} {question}".strip()
    text = f"{prompt}{answer}."
    other: Quantity = "acceleration" if quantity == "velocity" else "velocity"
    if split == "train" and rng.random() < 0.5:
        again = rng.choice(questions(split)).format(q=other, x=thing)
        text = f"{text} {again}{right if mistaken else wrong}."
    truth = {
        "task": "motion",
        "prompt": prompt,
        "answer": answer,
        "voice": voice,
        "scene": scene.name,
        "quantity": quantity,
        "right": right,
        "wrong": wrong,
        "marker": marker,
    }
    return Document("kinematics", text, split, truth)


def document(rng: random.Random, split: Split) -> Document:
    """One question on a random scene; in training most answers are right."""
    weights = (0.35, 0.25, 0.40) if split == "train" else (0.4, 0.4, 0.2)
    voice: Voice = rng.choices(("textbook", "misconception", "none"), weights)[0]
    return ask(rng.choice(SCENES), rng.choice(QUANTITIES), voice, rng, split)
