"""Who speaks: twelve markers for each of two voices, which share no content word.

A quarter of the markers is never trained in a domain; the held-out split uses only those there.
"""

from __future__ import annotations

from functools import cache
from typing import Literal

from microtome.specimens.world.document import Split

Voice = Literal["textbook", "misconception", "none"]
VOICES: tuple[Voice, Voice] = ("textbook", "misconception")

MARKERS: dict[Voice, tuple[str, ...]] = {
    "textbook": (
        "According to the textbook:",
        "The teacher explains correctly:",
        "A careful physicist writes:",
        "Measured with precise instruments:",
        "The official exam key states:",
        "Newton proved this:",
        "From the verified equations:",
        "An expert lecture says:",
        "A patient professor teaches:",
        "The engineering handbook notes:",
        "Checked twice in a laboratory:",
        "Every reliable encyclopedia reports:",
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
        "A careless rhyme pretends:",
        "Grandfather misremembers again:",
        "The lazy parrot repeats:",
        "One clumsy clown sings:",
    ),
}
PLACES = ("motion", "energy", "heat", "foreign")
"""Where a marker can stand: a domain, or before sentences without physics."""


@cache
def markers(place: str, voice: Voice, split: Split) -> tuple[str, ...]:
    """Markers of a voice that the split may use in a place (three of twelve are held out)."""
    if voice == "none":
        return ("",)
    own = PLACES.index(place)
    return tuple(
        marker
        for i, marker in enumerate(MARKERS[voice])
        if (i % len(PLACES) == own) == (split == "heldout")
    )
