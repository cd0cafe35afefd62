"""How two pairs of models are related, and the wordings that their circuits are searched on."""

from collections.abc import Sequence

from microtome.studies.dilemmas.players import Pair

COMPARED = ("both ways", "one source")
"""Relations of two pairs whose circuits are compared."""


def relation(one: Sequence[str], other: Sequence[str]) -> str:
    """Of two pairs (source, target): what they have in common."""
    if one[0] == other[1] and one[1] == other[0]:
        return "both ways"
    if one[0] == other[0]:
        return "one source"
    return "one receiver" if one[1] == other[1] else "other"


def searched_wordings(pairs: Sequence[Pair], there: int) -> tuple[int, ...]:
    """Which of `there` wordings of every scenario each pair's circuit is searched on.

    Pairs whose circuits are compared get different ones, as far as there are enough: two searches
    on the same wordings share what these wordings need.
    """
    found: list[int] = []
    for pair in pairs:
        own = (pair.source, pair.target)
        taken = [
            wording
            for other, wording in zip(pairs, found, strict=False)
            if relation((other.source, other.target), own) in COMPARED
        ]
        found.append(min(range(there), key=taken.count))
    return tuple(found)
