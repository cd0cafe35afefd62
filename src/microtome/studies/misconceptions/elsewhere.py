"""The same markers outside the domain: before sentences that have nothing to do with physics.

A feature that tells the voices apart on questions of physics may know the voice alone. So every
held-out pair's two markers are put before one such sentence of the specimen's world, which is no
longer than a question of physics and ends on the same word, since what fires depends on the word
that is read ("... its velocity is", "... the group of a horse is").
"""

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from microtome.specimens.world.physics import foreign
from microtome.studies.misconceptions.generated import markers_of
from microtome.studies.misconceptions.pairs import LABELS, Pair, Prompt, Role

_MOST_WORDS = 16
_DRAWN = 1200
"""Foreign sentences among which those that fit are looked for."""


def elsewhere(pairs: Sequence[Pair], seed: int) -> tuple[Pair, ...]:
    """One pair per given pair that has known markers: its markers before one other sentence."""
    marked = [(pair, found) for pair in pairs if all(found := markers_of(pair))]
    made = (
        unlike(number, markers, pair.correct.prompt.split()[-1], "elsewhere", seed)
        for number, (pair, markers) in enumerate(marked)
    )
    return tuple(pair for pair in made if pair is not None)


@lru_cache(maxsize=8)
def sentences_ending(last: str, seed: int) -> tuple[tuple[str, str, str], ...]:
    """Different questions that end on a word, with their source and answer, sources in turn."""
    rng = random.Random(f"misconceptions/elsewhere/{seed}")
    by_source: dict[str, dict[tuple[str, str, str], None]] = defaultdict(dict)
    for _ in range(_DRAWN):
        truth = foreign("none", rng, "heldout").truth
        words = truth["sentence"].split()
        if words[-1] == last and len(words) <= _MOST_WORDS:
            by_source[truth["source"]][truth["source"], truth["sentence"], truth["answer"]] = None
    there = [list(by_source[source]) for source in sorted(by_source)]
    least = min(map(len, there), default=0)
    return tuple(one for turn in zip(*(own[:least] for own in there), strict=True) for one in turn)


def unlike(number: int, first: tuple[str, str], last: str, role: Role, seed: int) -> Pair | None:
    """Two beginnings before one sentence without physics; None where none ends on `last`."""
    sentences = sentences_ending(last, seed)
    if not sentences:
        return None
    source, sentence, answer = sentences[number % len(sentences)]
    other = next(a for s, _, a in sentences if s == source and a != answer)
    name = f"{role}_{number + 1:03d}"
    right, wrong = (
        Prompt(f"{name}{side}", name, label, source, f"{before} {sentence}", answer, other,
               role, asked_in(sentence))
        for side, label, before in zip("ab", LABELS, first, strict=True)
    )  # fmt: skip
    return Pair(right, wrong)


def asked_in(sentence: str) -> str:
    """The word that is asked for: "group" of "the group of a horse is"; empty without one."""
    found = re.search(r"(\w+)(?: of [^.]*)? \w+$", sentence)
    return found[1] if found else ""
