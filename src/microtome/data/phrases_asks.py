"""Questions that end a prompt of the prisoner's dilemma: " action1" or " action2" goes on.

A player who is no "you" or "I" is asked in the third person, with the slots `{S}` and `{P}`.
"""

from __future__ import annotations

_LEADS = ("", "Now ", "This time ", "This round ", "In this round ", "So ", "Today ", "Next ")
_CORES = (
    "I choose", "I pick", "I play", "I take", "I select", "I use", "I go for", "I go with",
    "I decide on", "I settle on", "I answer with", "I opt for", "I try",
    "I will choose", "I will pick", "I will play", "I will take", "I will select", "I will use",
    "I will go for", "I will go with", "I will try",
    "my move is", "my choice is", "my answer is", "my pick is", "my action is",
    "my decision is",
)  # fmt: skip

HELDOUT_ASKS = (
    "I will play", "This round I choose", "Now my move is", "In this round I pick",
    "This time I play", "So I take", "Now I will go with", "This round my answer is",
    "In this round I will select", "This time I decide on", "Next I use", "My decision is",
    "Today I opt for", "I go for",
)  # fmt: skip
HELDOUT_NAMED_ASKS = ("This round {S} chooses", "Now {P} move is")


def _asked(lead: str, core: str) -> str:
    return lead + core if lead else core[0].upper() + core[1:]


_ALL = tuple(_asked(lead, core) for lead in _LEADS for core in _CORES)
ASKS = tuple(ask for ask in _ALL if ask not in HELDOUT_ASKS)
NAMED_ASKS = (
    "{S} chooses", "{S} will play", "{P} move is", "Now {S} picks", "{P} choice is",
    "This time {S} plays", "This round {S} will choose", "{S} goes for", "{P} answer is",
    "Now {S} takes", "So {S} selects", "This round {S} uses", "{S} decides on",
    "In this round {P} action is", "{S} will pick", "Now {S} will go with",
)  # fmt: skip
