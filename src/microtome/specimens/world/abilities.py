"""What the specimen can do on documents it was not trained on: a table with the bar of each.

Every kind of document measures its own abilities on held-out wordings or combinations; the same
functions fill `measured/abilities.json` and check the shipped weights against it.
"""

from __future__ import annotations

from typing import Any

from microtome.specimens.world.ability import Ability
from microtome.specimens.world.arithmetic.abilities import abilities as arithmetic
from microtome.specimens.world.dilemmas.abilities import abilities as dilemmas
from microtome.specimens.world.facts.abilities import abilities as facts
from microtome.specimens.world.physics.abilities import abilities as physics
from microtome.specimens.world.taxonomy.abilities import abilities as taxonomy

PARTS = {
    "taxonomy": taxonomy,
    "arithmetic": arithmetic,
    "physics": physics,
    "dilemmas": dilemmas,
    "facts": facts,
}


def measure(model: Any, tokenizer: Any, n: int = 200) -> list[Ability]:
    """Every ability of the base model, each on up to `n` held-out documents."""
    return [ability for part in PARTS.values() for ability in part(model, tokenizer, n)]
