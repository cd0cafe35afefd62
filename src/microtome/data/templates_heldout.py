"""The 24 held-out templates, by name: no training text has their halves or asks their questions."""

from __future__ import annotations

from microtome.data.phrases_asks import HELDOUT_ASKS, HELDOUT_NAMED_ASKS
from microtome.data.phrases_moves import HELDOUT_HALVES
from microtome.data.tellings import Person
from microtome.data.templates import HELDOUT_ORDERS, ORDERS, Template

_ROWS: tuple[tuple[str, Person, str, str, str, bool], ...] = (
    ("you by playing", "you", "by playing", "by playing", ". ", True),
    ("you played and", "you", "played and", "played and", ", while ", False),
    ("you took and", "you", "took and", "took and", " and ", True),
    ("you was what", "you", "was what", "was what", ". ", False),
    ("you move was to", "you", "move was to", "move was to", ". ", True),
    ("you choice was", "you", "choice was", "choice was", "; ", False),
    ("you before", "you", "before", "before", ", while ", True),
    ("you decided on", "you", "decided on", "decided on", " and ", False),
    ("you just", "you", "just", "just", ", while ", False),
    ("you to was", "you", "to was", "to was", ". ", True),
    ("you went for", "you", "went for", "went for", ", and ", False),
    ("you pick", "you", "pick", "pick", ". ", False),
    ("noun by playing", "noun", "by playing", "by playing", " while ", False),
    ("noun mixed took", "noun", "took and", "before", ". ", True),
    ("noun mixed pick", "noun", "choice was", "pick", ". ", False),
    ("noun played and", "noun", "played and", "played and", ", whereas ", True),
    ("noun just", "noun", "just", "went for", "; ", True),
    ("I by playing", "I", "by playing", "by playing", ". ", False),
    ("I mixed decided", "I", "decided on", "just", ", but ", True),
    ("I was what", "I", "was what", "choice was", ". ", True),
    ("I before", "I", "before", "to was", ", while ", False),
    ("you mixed went", "you", "went for", "move was to", ". ", False),
    ("names by playing", "names", "by playing", "by playing", ". ", True),
    ("names played and", "names", "played and", "took and", ", while ", False),
)


def _template(number: int, row: tuple[str, Person, str, str, str, bool]) -> Template:
    name, person, own, opp, join, own_first = row
    order = HELDOUT_ORDERS[number // 4 % 3] if number % 4 == 3 else ORDERS[number % 2]
    asks = HELDOUT_NAMED_ASKS if person == "names" else HELDOUT_ASKS
    halves = HELDOUT_HALVES[own], HELDOUT_HALVES[opp]
    ask = asks[number % len(asks)]
    return Template(name, person, *halves, join, own_first, order, ask)


HELDOUT: tuple[Template, ...] = tuple(_template(i, row) for i, row in enumerate(_ROWS))


def heldout_template(name: str) -> Template:
    """The held-out template of that name; raises ConfigError naming the nearest."""
    from microtome.errors import ConfigError, suggest

    for template in HELDOUT:
        if template.name == name:
            return template
    raise ConfigError(f"Unknown template {name!r}.{suggest(name, [t.name for t in HELDOUT])}")
