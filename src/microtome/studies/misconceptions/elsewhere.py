"""The same markers outside the domain: before sentences of the specimen's other kinds of document.

A feature that tells the voices apart on questions of motion may know the voice alone. So every
held-out pair's two markers are put before one sentence that has nothing to do with physics, is no
longer than a question of motion and ends on the same word, since what fires depends on the word
that is read ("... its velocity is", "... the group of a horse is").
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

from microtome.specimens.world.corpus import documents
from microtome.specimens.world.document import Kind
from microtome.specimens.world.kinematics import MARKERS
from microtome.studies.misconceptions.pairs import LABELS, Pair, Prompt

KINDS: tuple[Kind, ...] = ("taxonomy", "facts", "arithmetic", "dilemmas")
"""Of the last two no question is as short and ends on the same word; they drop out by the rule."""
_MOST_WORDS = 16
_DRAWN = 600
"""Documents of a kind among which sentences are looked for."""


def elsewhere(pairs: Sequence[Pair], seed: int) -> tuple[Pair, ...]:
    """One pair per given pair that has known markers: its markers before one other sentence."""
    marked = [(pair, found) for pair in pairs if all(found := _markers(pair))]
    made = []
    for number, (pair, markers) in enumerate(marked):
        sentences = _sentences(pair.correct.prompt.split()[-1], seed)
        if sentences:
            made.append(_pair(number, markers, sentences))
    return tuple(made)


def _markers(pair: Pair) -> tuple[str, str]:
    """The two members' markers, empty where a prompt begins with none."""
    right, wrong = (
        next((m for m in chain(*MARKERS.values()) if one.prompt.startswith(m)), "")
        for one in pair.members
    )
    return right, wrong


@lru_cache(maxsize=8)
def _sentences(last: str, seed: int) -> tuple[tuple[Kind, str, str], ...]:
    """Different questions that end on a word, with their answers, the kinds in turn."""
    by_kind = [
        list(dict.fromkeys(
            (kind, d.truth["prompt"], d.truth["answer"])
            for d in documents(kind, "heldout", seed, _DRAWN)
            if d.truth["prompt"].split()[-1] == last
            and len(d.truth["prompt"].split()) <= _MOST_WORDS
        ))
        for kind in KINDS
    ]  # fmt: skip
    there = [own for own in by_kind if own]
    least = min(map(len, there), default=0)
    return tuple(one for turn in zip(*(own[:least] for own in there), strict=True) for one in turn)


def _pair(
    number: int, markers: tuple[str, str], sentences: Sequence[tuple[Kind, str, str]]
) -> Pair:
    kind, sentence, answer = sentences[number % len(sentences)]
    other = next(a for k, _, a in sentences if k == kind and a != answer)
    name = f"elsewhere_{number + 1:03d}"
    right, wrong = (
        Prompt(f"{name}{side}", name, label, kind, f"{marker} {sentence}", answer, other,
               "elsewhere")
        for side, label, marker in zip("ab", LABELS, markers, strict=True)
    )  # fmt: skip
    return Pair(right, wrong)
