"""Heat: how hot a body is (temperature, radiance) and how much it holds (heat, enthalpy).

Bodies of one substance: what a body holds goes with its size, how hot it is does not.
"""

from itertools import product

from microtome.specimens.world.physics.domain import Domain, Scene, Term

_BODIES = ("block", "kettle", "bowl", "brick", "pan", "puddle", "bucket")
_HOT = {
    "high": ("white hot", "boiling hot", "red hot"),
    "medium": ("lukewarm", "mildly warm", "tepid"),
    "low": ("icy", "frosty", "ice cold"),
}
_LARGE = {
    "high": ("huge", "gigantic", "enormous"),
    "medium": ("middling", "average", "moderate"),
    "low": ("tiny", "little", "minute"),
}
_PHRASINGS = (
    "The {b} {x} is {a}.",
    "One {x} is {b} and {a}.",
    "This {x}, {b} as it looks, is {a}.",
    "We find one {b}, {a} {x}.",
    "That {x} is {a}, and it is {b}.",
    "Here is one {b} {x}, and it is {a}.",
)

HEAT = Domain(
    "heat",
    (Term("temperature", 0), Term("heat", 1), Term("radiance", 0), Term("enthalpy", 1)),
    (
        (
            "how hot a body is",
            "what a thermometer shows",
            "the degree of hotness",
            "how warm a surface feels",
            "the mark on a thermometer",
            "the hotness of each part",
        ),
        (
            "how much warmth a body holds",
            "what all parts hold together",
            "the total of the warmth inside",
            "how much ice a body can melt",
            "the sum over all parts",
            "the warmth that a whole body gives off",
        ),
    ),
    tuple(
        Scene(f"{hot}_{large}", _BODIES, _PHRASINGS, (hot, large),
              {"a": _HOT[hot], "b": _LARGE[large]})
        for hot, large in product(_HOT, _LARGE)
        if hot != large
    ),
)  # fmt: skip
