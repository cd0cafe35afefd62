"""Beliefs that are stated: one member states the right definition, the other the mistaken one.

    content            before a question of the domain, without a speaker, in held-out phrasings
    content_select     the same in phrasings of training, to select features on
    content_elsewhere  the held-out beliefs before sentences that have nothing to do with physics
    crossed            the mistaken voice states the right belief, the textbook's the mistaken one

No word marks a mistaken belief: the same definition is right of another term. In held-out pairs
training never had the term and the definition together.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from microtome.specimens.world.document import Split
from microtome.specimens.world.physics import VOICES, Case, Domain, Term, ask, beliefs
from microtome.studies.misconceptions.elsewhere import unlike
from microtome.studies.misconceptions.generated import CELLS, made, markers_of, voiced
from microtome.studies.misconceptions.pairs import Pair, Role

_LAST = "is"
"""The word on which questions of physics end."""


def stated(pairs: Sequence[Pair], seed: int, role: Role = "content") -> tuple[Pair, ...]:
    """As many pairs as the given ones with known markers, over all terms in turn."""
    split: Split = "train" if role == "content_select" else "heldout"
    # The name that the held-out ones have always had keeps them as they are.
    name = "stated" if role == "content" else role
    found = []
    for number, (domain, term, rng) in enumerate(_turns(pairs, name, seed), start=1):
        truth, texts = _texts(domain, term, split, rng)
        found.append(made(f"{name}_{number:03d}", texts, truth, role))
    return tuple(found)


def crossed(pairs: Sequence[Pair], seed: int) -> tuple[Pair, ...]:
    """Voice against belief: what is stated decides the answer, so labels go with the belief."""
    found = []
    for number, (domain, term, rng) in enumerate(_turns(pairs, "crossed", seed), start=1):
        truth, texts = _texts(domain, term, "heldout", rng)
        markers = (rng.choice(voiced(domain.name, voice, "test")) for voice in reversed(VOICES))
        both = tuple(f"{m} {text}" for m, text in zip(markers, texts, strict=True))
        found.append(made(f"crossed_{number:03d}", both, truth, "crossed"))
    return tuple(found)


def stated_elsewhere(pairs: Sequence[Pair], seed: int) -> tuple[Pair, ...]:
    """Held-out beliefs, right and mistaken, before one sentence without physics."""
    role: Role = "content_elsewhere"
    found = []
    for number, (domain, term, rng) in enumerate(_turns(pairs, role, seed)):
        right, wrong = (beliefs(domain, term, content, "heldout") for content in _CONTENTS)
        place = rng.randrange(len(right))
        found.append(unlike(number, (right[place], wrong[place]), _LAST, role, seed))
    return tuple(pair for pair in found if pair is not None)


_CONTENTS = ("right", "mistaken")


def _turns(
    pairs: Sequence[Pair], name: str, seed: int
) -> Iterator[tuple[Domain, Term, random.Random]]:
    """A term per given pair with known markers, with the one generator of all."""
    rng = random.Random(f"misconceptions/{name}/{seed}")
    for i in range(sum(all(markers_of(pair)) for pair in pairs)):
        yield *CELLS[i % len(CELLS)], rng


def _texts(
    domain: Domain, term: Term, split: Split, rng: random.Random
) -> tuple[Mapping[str, Any], tuple[str, str]]:
    """One question with the right belief, and with the mistaken one of the same sentence."""
    truth = ask(Case(domain, term, content="right"), rng, split).truth
    right, wrong = (beliefs(domain, term, content, split) for content in _CONTENTS)
    other = wrong[right.index(truth["belief"])]
    return truth, (truth["prompt"], truth["prompt"].replace(truth["belief"], other))
