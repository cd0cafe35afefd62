"""A document of physics: the factors drawn, then a question or a foreign sentence."""

from __future__ import annotations

import random

from microtome.specimens.world.document import Document, Split
from microtome.specimens.world.physics.ask import Case, ask
from microtome.specimens.world.physics.belief import STATEMENTS, Content, state
from microtome.specimens.world.physics.domain import Domain
from microtome.specimens.world.physics.energy import ENERGY
from microtome.specimens.world.physics.foreign import foreign, move_templates
from microtome.specimens.world.physics.heat import HEAT
from microtome.specimens.world.physics.motion import MOTION
from microtome.specimens.world.physics.question import questions
from microtome.specimens.world.physics.voice import VOICES, Voice

DOMAINS: tuple[Domain, ...] = (MOTION, ENERGY, HEAT)
_FOREIGN = 0.2
_VOICES: tuple[Voice, ...] = (*VOICES, "none")
_SPOKEN = (0.28, 0.28, 0.44)
_STATED = {"none": 0.6, "textbook": 0.25, "misconception": 0.25}
"""Share of questions with a stated belief, by voice."""
_OWN, _SAME_DOMAIN = 0.7, 0.2
"""Shares of beliefs on the asked term and on another term of the domain; the rest is of others."""
_STATED_FOREIGN = 0.2
_CONTENTS: tuple[Content, Content] = ("right", "mistaken")


def document(rng: random.Random, split: Split) -> Document:
    """One question with its factors crossed, or (one in five) a foreign sentence with a marker."""
    if rng.random() < _FOREIGN:
        return _marked(rng, split)
    domain, voice = rng.choice(DOMAINS), rng.choices(_VOICES, _SPOKEN)[0]
    term = rng.choice(domain.terms)
    if rng.random() >= _STATED[voice]:
        return ask(Case(domain, term, voice), rng, split)
    about, about_domain, roll = term, domain, rng.random()
    if roll > _OWN:
        if roll > _OWN + _SAME_DOMAIN:
            about_domain = rng.choice([d for d in DOMAINS if d is not domain])
        about = rng.choice([t for t in about_domain.terms if t is not term])
    content = rng.choice(_CONTENTS)
    return ask(Case(domain, term, voice, content, about, about_domain), rng, split)


def _marked(rng: random.Random, split: Split) -> Document:
    belief = ""
    if rng.random() < _STATED_FOREIGN:
        domain = rng.choice(DOMAINS)
        belief = state(domain, rng.choice(domain.terms), rng.choice(_CONTENTS), rng, split).text
    return foreign(rng.choice(VOICES), rng, split, belief)


def templates(split: Split) -> dict[str, tuple[str, ...]]:
    """Stories, questions, statements of beliefs and sentences on moves of a split, with slots."""
    terms = [term for domain in DOMAINS for term in domain.terms]
    return {
        "stories": tuple(dict.fromkeys(
            p for domain in DOMAINS for scene in domain.scenes for p in scene.of(split)
        )),
        "questions": tuple(dict.fromkeys(q for term in terms for q in questions(term, split))),
        "statements": STATEMENTS[split],
        "moves": move_templates(split),
    }  # fmt: skip


def held_out() -> tuple[str, ...]:
    """What no training document holds: held-out statements, and held-out pairs in any."""
    both = (*STATEMENTS["train"], *STATEMENTS["heldout"])
    pairs = [
        statement.format(t=term.name, d=wording)
        for domain in DOMAINS
        for i, term in enumerate(domain.terms)
        for wordings in domain.definitions
        for wording in wordings[i // 2 :: 3]
        for statement in both
    ]
    return (*STATEMENTS["heldout"], *pairs)
