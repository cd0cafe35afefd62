"""Where a branch is back on the baseline's text: the first token from which both read the same.

A branch may be there earlier or later than the baseline by an offset. Only what was decoded can
be compared, so a re-join means equal tokens up to the branch's end, and enough of them: a branch
that ended must end where the baseline does, one that was cut off must agree for longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST, LEAST_CUT = 4, 12
"""Shortest common rest that counts, of a branch that ended and of one that was cut off."""
_END = -1


@dataclass(frozen=True)
class Rejoin:
    """From token `step` of the branch (0 is the forced one) both texts are equal.

    The branch's token j is then the baseline's token j + `offset`, both counted from the fork.
    """

    step: int
    offset: int


def rejoin(
    branch: Sequence[int], ended: bool, baseline: Sequence[int], baseline_ended: bool
) -> Rejoin | None:
    """The earliest re-join of a branch with the baseline from the fork on; None if there is none.

    An end counts as a token. Of several offsets at one step the smallest is taken.
    """
    ours = [*branch, *([_END] if ended else [])]
    theirs = [*baseline, *([_END] if baseline_ended else [])]
    for step in range(1, len(ours) - (LEAST if ended else LEAST_CUT) + 1):
        rest = ours[step:]
        places = range(1, len(theirs) - len(rest) + 1)
        for at in sorted(places, key=lambda at: (abs(at - step), at)):
            if theirs[at : at + len(rest)] == rest:
                return Rejoin(step, at - step)
    return None
