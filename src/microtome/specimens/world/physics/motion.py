"""Motion: where a thing goes (velocity, momentum), how that changes (acceleration, force)."""

from microtome.specimens.world.physics.domain import OPPOSITE, Domain, Scene, Term

OF_MOTION = (
    "its {q} is",
    "the {q} is",
    "the {q} of the {x} is",
    "the direction of its {q} is",
)
ON_MOTION = (
    "the {q} on it is",
    "the {q} is",
    "the {q} on the {x} is",
    "the direction of the {q} is",
)
_ROLLING = ("car", "bicycle", "train", "cart", "truck", "sled")
_THROWN = ("ball", "stone", "coin", "dart", "key")
_SINKING = ("plane", "parachute", "lift", "drone")
_LEVEL = {"d": tuple(OPPOSITE)}

MOTION = Domain(
    "motion",
    (
        Term("velocity", 0, OF_MOTION),
        Term("acceleration", 1, OF_MOTION),
        Term("momentum", 0, OF_MOTION),
        Term("force", 1, ON_MOTION),
    ),
    (
        (
            "where a thing is going",
            "which way a thing moves",
            "the direction of travel",
            "the side that a thing heads for",
            "the course of a thing",
            "the way along which a thing travels",
        ),
        (
            "how a motion changes",
            "which way a thing is pushed",
            "the direction of the push",
            "the side that the push points to",
            "the change of a course",
            "the way in which a motion alters",
        ),
    ),
    (
        Scene("steady", _ROLLING, (
            "A {x} goes {d} at a steady speed.",
            "A {x} moves {d} and its speed stays the same.",
            "Heading {d}, a {x} keeps a constant speed.",
            "A {x} travels {d} at constant speed.",
            "With constant speed a {x} goes {d}.",
        ), ("{d}", "zero"), _LEVEL),
        Scene("braking", _ROLLING, (
            "A {x} goes {d} and brakes.",
            "A {x} moves {d} but is slowing down.",
            "Heading {d}, a {x} loses speed.",
            "A {x} travels {d} and slows down.",
            "A {x} moves {d} and loses speed.",
        ), ("{d}", "{o}"), _LEVEL),
        Scene("starting", _ROLLING, (
            "A {x} at rest is just being pushed {d}.",
            "A {x} stands still at the moment it gets a push {d}.",
            "At the first instant of a push {d}, a {x} is not moving yet.",
            "A {x} that was at rest feels a first push {d}.",
            "A {x} is at rest at the moment it gets a push {d}.",
        ), ("zero", "{d}"), _LEVEL),
        Scene("rising", _THROWN, (
            "A {x} was thrown and is still flying up.",
            "A {x} rises after a throw.",
            "On its way up, a {x} is in free flight.",
            "A {x} is climbing after it was thrown.",
            "A {x} is on its way up after a throw.",
        ), ("upward", "downward")),
        Scene("top", _THROWN, (
            "A {x} was thrown and is exactly at its highest point.",
            "A {x} stops for an instant at the top of its flight.",
            "At the very top, a {x} hangs still for a moment.",
            "A {x} in free flight has just reached its peak.",
            "A {x} hangs still at its highest point.",
        ), ("zero", "downward")),
        Scene("landing", _SINKING, (
            "A {x} comes down and slows its descent.",
            "A {x} sinks more and more gently.",
            "On its way down, a {x} loses speed.",
            "A {x} descends and brakes.",
            "A {x} sinks and slows its descent.",
        ), ("downward", "upward")),
        Scene("sinking", _SINKING, (
            "A {x} comes down at a steady speed.",
            "A {x} sinks and its speed stays the same.",
            "On its way down, a {x} keeps a constant speed.",
            "A {x} descends at constant speed.",
            "A {x} comes down and keeps a constant speed.",
        ), ("downward", "zero")),
    ),
)  # fmt: skip
