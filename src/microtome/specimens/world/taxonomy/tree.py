"""What the taxonomy holds: the tree (parent -> child -> noun), the forms of a noun, the classes.

8 parents, 32 children and 544 nouns; animal, food, tool and worker have five children of twenty
nouns each. A *class* (red things, things kept in a kitchen) is a union of nouns of several parents
and has no place in the tree. Thirteen classes are stated in documents, noun first and class last;
four are never named and exist only here.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from microtome.specimens.world.document import capital

Form = Literal["singular", "plural", "capital"]
Frame = Literal["colour", "place", "trait"]
FORMS: tuple[Form, ...] = ("singular", "plural", "capital")
_IRREGULAR = {
    "wolf": "wolves", "knife": "knives", "penknife": "penknives", "midwife": "midwives",
    "tomato": "tomatoes", "potato": "potatoes", "mango": "mangoes", "mosquito": "mosquitoes",
    "fez": "fezzes",
}  # fmt: skip


@dataclass(frozen=True)
class NounClass:
    """Nouns that share an attribute and no parent; `frame` says how documents state it.

    A frame of None marks a class that no document names.
    """

    name: str
    frame: Frame | None
    nouns: tuple[str, ...]


def _read(name: str) -> dict[str, Any]:
    text = resources.files(__package__).joinpath(name).read_text("utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


@cache
def tree() -> dict[str, Any]:
    """parent -> {is, acts, children -> {has, place, does, nouns}}, in shipped order."""
    return _read("tree.json")


@cache
def lineage() -> dict[str, tuple[str, str]]:
    """noun (singular) -> (child, parent)."""
    return {
        noun: (child, parent)
        for parent, node in tree().items()
        for child, leaf in node["children"].items()
        for noun in leaf["nouns"]
    }


@cache
def classes() -> dict[str, NounClass]:
    """name -> class; a noun is in at most one class of each frame."""
    read = _read("classes.json")
    return {name: NounClass(name, one["frame"], tuple(one["nouns"])) for name, one in read.items()}


@cache
def attributes() -> dict[str, tuple[tuple[Frame, str], ...]]:
    """noun -> (frame, class) of every stated class that it is in."""
    found: dict[str, tuple[tuple[Frame, str], ...]] = {}
    for one in classes().values():
        if one.frame is not None:
            for noun in one.nouns:
                found[noun] = (*found.get(noun, ()), (one.frame, one.name))
    return found


@cache
def plural(noun: str) -> str:
    """The plural of a noun of the tree."""
    if noun in _IRREGULAR:
        return _IRREGULAR[noun]
    if noun.endswith(("s", "x", "z", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun[-1] == "y" and noun[-2] not in "aeiou" else f"{noun}s"


@cache
def forms(noun: str) -> dict[Form, str]:
    """The three surface forms of a noun, each one token after a space: rose, roses, Rose."""
    return {"singular": noun, "plural": plural(noun), "capital": capital(noun)}


@cache
def held_out_form(noun: str) -> Form:
    """The form of a noun after whose group and kind no training document asks (one of three)."""
    return FORMS[zlib.crc32(noun.encode()) % len(FORMS)]


@cache
def asked_forms(noun: str) -> tuple[Form, ...]:
    """The forms after whose group and kind training documents ask."""
    return tuple(form for form in FORMS if form != held_out_form(noun))
