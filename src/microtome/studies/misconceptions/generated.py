"""Further pairs from the generator of the specimen's world: plain English on physics.

Members of a pair tell one story and ask one question, and differ in the marker of their voice.
Pairs for selecting features use phrasings the specimen was trained on. Pairs for testing use
phrasings it never saw, and markers it never saw in that domain; none of these markers occurs in
a pair for selecting, so a feature that knows a marker by its words does not pass for one that
knows the voice.
"""

import random
from collections.abc import Mapping
from itertools import chain, zip_longest
from typing import Any

from microtome.errors import ConfigError
from microtome.specimens.world.document import Split
from microtome.specimens.world.physics import (
    DOMAINS,
    MARKERS,
    VOICES,
    Case,
    Domain,
    Term,
    Voice,
    ask,
    markers,
)
from microtome.studies.misconceptions.pairs import LABELS, Pair, Prompt, Role

CELLS: tuple[tuple[Domain, Term], ...] = tuple(
    cell
    for turn in zip_longest(*([(domain, term) for term in domain.terms] for domain in DOMAINS))
    for cell in turn
)
"""Every term with its domain, the domains in turn."""
_SPLIT: dict[Role, Split] = {"select": "train", "test": "heldout"}
_TESTED = (0, 1, 2, 4, 5, 6)
"""Places of the markers for testing: of every domain's untrained ones two are among them."""
_TRIES = 10_000


def generated(count: int, seed: int) -> tuple[Pair, ...]:
    """`count` different pairs, the first half to select on and the second to test on."""
    half = (count + 1) // 2
    return (*_of_role("select", half, seed), *_of_role("test", count - half, seed))


def voiced(domain: str, voice: Voice, role: Role) -> tuple[str, ...]:
    """The markers of a voice in pairs of one role and domain."""
    tested = {MARKERS[voice][place] for place in _TESTED}
    return tuple(
        m for m in markers(domain, voice, _SPLIT[role]) if (m in tested) == (role == "test")
    )


def markers_of(pair: Pair) -> tuple[str, str]:
    """The two members' markers, each empty where its prompt begins with none."""
    right, wrong = (
        next((m for m in chain(*MARKERS.values()) if one.prompt.startswith(m)), "")
        for one in pair.members
    )
    return right, wrong


def mistake_of(domain: str, term: str) -> str:
    """The misconception of a term: one quantity of its domain is taken for the other."""
    own = next(one for one in DOMAINS if one.name == domain)
    asked = own.term(term).quantity
    names = [next(t.name for t in own.terms if t.quantity == q) for q in (asked, 1 - asked)]
    return f"{names[0]} taken for {names[1]}"


def _of_role(role: Role, count: int, seed: int) -> list[Pair]:
    """Pairs over all terms in turn, no two alike."""
    rng = random.Random(f"misconceptions/{role}/{seed}")
    found: dict[tuple[str, str], Pair] = {}
    for turn in range(_TRIES):
        if len(found) == count:
            break
        domain, term = CELLS[turn % len(CELLS)]
        pair = _pair(domain, term, role, len(found) + 1, rng)
        found.setdefault((pair.correct.prompt, pair.misconception.prompt), pair)
    if len(found) < count:
        raise ConfigError(
            f"The generator has {len(found)} different pairs to {role} on and {count} were asked "
            f"for; lower --generated to {2 * len(found)}."
        )
    return list(found.values())


def _pair(domain: Domain, term: Term, role: Role, number: int, rng: random.Random) -> Pair:
    truth = ask(Case(domain, term, "textbook"), rng, _SPLIT[role]).truth
    question = truth["prompt"][len(truth["marker"]) :]
    texts = (rng.choice(voiced(domain.name, voice, role)) + question for voice in VOICES)
    return made(f"generated_{role}_{number:03d}", tuple(texts), truth, role)


def made(name: str, texts: tuple[str, ...], truth: Mapping[str, Any], role: Role) -> Pair:
    """A pair of two texts, the one that leads to the right answer first, of one question."""
    return Pair(*(
        Prompt(f"{name}{side}", name, label, truth["domain"], text, truth["right"],
               truth["wrong"], role, truth["term"], mistake_of(truth["domain"], truth["term"]))
        for side, label, text in zip("ab", LABELS, texts, strict=True)
    ))  # fmt: skip
