"""Energy: how much is stored (energy, charge) and how fast it is spent (power, current)."""

from itertools import product

from microtome.specimens.world.physics.domain import Domain, Scene, Term

_STORES = ("battery", "accumulator", "capacitor", "cell")
_STORED = {
    "high": ("full", "fully charged", "freshly charged"),
    "medium": ("half full", "half charged", "half empty"),
    "low": ("nearly empty", "almost flat", "nearly drained"),
}
_SPENT = {
    "high": ("drives a mighty motor", "feeds a roaring furnace", "runs a heavy crane"),
    "medium": ("drives an ordinary lamp", "feeds a common radio", "runs a plain fan"),
    "low": ("drives a tiny clock", "feeds a faint diode", "runs a small sensor"),
    "zero": ("is switched off", "lies unused in a drawer", "stands idle on a shelf"),
}
_PHRASINGS = (
    "One {a} {x} {b}.",
    "This {x} is {a} and {b}.",
    "Here the {x} {b} and is {a}.",
    "That {x}, {a} by now, {b}.",
    "Some {x} {b}; it is {a}.",
    "This {a} {x} {b}.",
)

ENERGY = Domain(
    "energy",
    (Term("energy", 0), Term("power", 1), Term("charge", 0), Term("current", 1)),
    (
        (
            "how much is stored",
            "what a store still holds",
            "the amount inside",
            "how full a store is",
            "the supply that is left",
            "the reserve that is kept inside",
        ),
        (
            "how fast a supply is spent",
            "what leaves a store each second",
            "the rate of use",
            "how quickly a store runs down",
            "the stream that runs out",
            "the loss within each second",
        ),
    ),
    tuple(
        Scene(f"{stored}_{spent}", _STORES, _PHRASINGS, (stored, spent),
              {"a": _STORED[stored], "b": _SPENT[spent]})
        for stored, spent in product(_STORED, _SPENT)
        if stored != spent
    ),
)  # fmt: skip
