"""Beliefs without a speaker: one member states the right definition, the other the mistaken one.

Pairs of one story and one question of the specimen's world, in phrasings it never saw, with
beliefs whose term and definition it never saw together. No word marks a mistaken belief: the same
definition is right of another term.
"""

import random
from collections.abc import Sequence

from microtome.specimens.world.physics import Case, Domain, Term, ask, beliefs
from microtome.studies.misconceptions.generated import CELLS, made, markers_of
from microtome.studies.misconceptions.pairs import Pair


def stated(pairs: Sequence[Pair], seed: int) -> tuple[Pair, ...]:
    """As many pairs as the given ones with known markers, over all terms in turn."""
    count = sum(all(markers_of(pair)) for pair in pairs)
    rng = random.Random(f"misconceptions/stated/{seed}")
    return tuple(_pair(*CELLS[i % len(CELLS)], i + 1, rng) for i in range(count))


def _pair(domain: Domain, term: Term, number: int, rng: random.Random) -> Pair:
    truth = ask(Case(domain, term, content="right"), rng, "heldout").truth
    right, wrong = (beliefs(domain, term, content, "heldout") for content in ("right", "mistaken"))
    other = wrong[right.index(truth["belief"])]
    texts = (truth["prompt"], truth["prompt"].replace(truth["belief"], other))
    return made(f"stated_{number:03d}", texts, truth, "content")
