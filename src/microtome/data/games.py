"""The iterated prisoner's dilemma in words: states, scenarios, payoffs and prompt wordings.

A state is the pair of last moves, written own first: "CD" = I cooperated, they defected.
`action1` always means cooperate and `action2` always means defect; every wording states both
last moves, the payoffs and which action is which, and ends where " action1" or " action2"
continues it. Payoffs follow temptation > reward > punishment > sucker
(Axelrod 1984, The Evolution of Cooperation).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Literal

from microtome.errors import ConfigError, PromptError, suggest

Move = Literal["Cooperate", "Defect"]
Split = Literal["train", "heldout"]

COOPERATE, DEFECT = " action1", " action2"
ACTIONS = (COOPERATE, DEFECT)

_LETTER: dict[str, str] = {"Cooperate": "C", "Defect": "D"}
_MOVE: dict[str, Move] = {"C": "Cooperate", "D": "Defect"}


@dataclass(frozen=True)
class Payoffs:
    """Points for one player in one round, temptation > reward > punishment > sucker."""

    temptation: int = 4
    reward: int = 3
    punishment: int = 1
    sucker: int = 0

    def __post_init__(self) -> None:
        order = (self.temptation, self.reward, self.punishment, self.sucker)
        if any(high <= low for high, low in zip(order, order[1:], strict=False)):
            raise ConfigError(
                f"Payoffs {order} are no prisoner's dilemma: choose numbers with "
                "temptation > reward > punishment > sucker."
            )

    def points(self, own: Move, opp: Move) -> int:
        """Points of the player who chose `own` while the other chose `opp`."""
        table = {"CC": self.reward, "CD": self.sucker, "DC": self.temptation, "DD": self.punishment}
        return table[_LETTER[own] + _LETTER[opp]]


@dataclass(frozen=True)
class State:
    """Last moves of one round, own move first."""

    own: Move
    opp: Move

    @property
    def name(self) -> str:
        """Two letters, own move first: "CC", "CD", "DC" or "DD"."""
        return _LETTER[self.own] + _LETTER[self.opp]

    @classmethod
    def parse(cls, name: str) -> State:
        """State from its two letters; raises ConfigError for anything else."""
        if name not in STATE_NAMES:
            raise ConfigError(f"Unknown state {name!r}: use one of {', '.join(STATE_NAMES)}.")
        return cls(_MOVE[name[0]], _MOVE[name[1]])


STATE_NAMES = ("CC", "CD", "DC", "DD")


@dataclass(frozen=True)
class Scenario:
    """A state with a story; `framing` holds sentences of which a wording says one (none if empty).

    `{opp}` in a framing stands for the opponent ("the other player").
    """

    name: str
    state_self: Move
    state_opp: Move
    description: str
    framing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for move in (self.state_self, self.state_opp):
            if move not in _LETTER:
                raise ConfigError(
                    f"Scenario {self.name!r} has the move {move!r}: use 'Cooperate' or 'Defect'."
                )

    @property
    def state(self) -> State:
        """The pair of last moves."""
        return State(self.state_self, self.state_opp)


SCENARIOS: tuple[Scenario, ...] = (
    Scenario(
        "CC_continue",
        "Cooperate",
        "Cooperate",
        "Mutual cooperation that can simply go on",
        (
            "You trust each other and things go well.",
            "Working together has been good for both of you.",
            "You would like to keep the peace.",
            "Both of you are happy with this.",
        ),
    ),
    Scenario(
        "CC_temptation",
        "Cooperate",
        "Cooperate",
        "Mutual cooperation while a quick gain from defecting is in sight",
        (
            "It is tempting to defect now and take more.",
            "You could earn more by defecting just once.",
            "A quick gain is within reach if you defect.",
            "Nobody would stop you from taking more this time.",
        ),
    ),
    Scenario(
        "CD_punished",
        "Cooperate",
        "Defect",
        "I cooperated and was defected on",
        (
            "You were betrayed and got nothing.",
            "Your trust was not returned.",
            "You feel cheated.",
            "Your kindness was used against you.",
        ),
    ),
    Scenario(
        "DC_exploited",
        "Defect",
        "Cooperate",
        "I defected on a cooperator",
        (
            "You took advantage of their trust.",
            "You gained at their cost.",
            "You feel a little guilty.",
            "They trusted you and got nothing.",
        ),
    ),
    Scenario(
        "DD_trapped",
        "Defect",
        "Defect",
        "Mutual defection that somebody has to break",
        (
            "You are stuck in a cycle of distrust.",
            "Neither of you is doing well.",
            "Somebody has to break the cycle.",
            "Both of you lose this way.",
        ),
    ),
)


def scenario(name: str) -> Scenario:
    """The shipped scenario of that name; raises ConfigError naming the ones that exist."""
    for found in SCENARIOS:
        if found.name == name:
            return found
    raise ConfigError(f"Unknown scenario {name!r}.{suggest(name, [s.name for s in SCENARIOS])}")


# Each slot: phrasings used in training, then phrasings kept for held-out prompts.
_INTROS = (
    "You are playing a repeated game with {opp}.",
    "You and {opp} play the same game again and again.",
    "This is a game of many rounds between you and {opp}.",
    "You meet {opp} in every round of a game.",
    "Another round of the game with {opp} begins.",
    "You face {opp} in a repeated dilemma.",
)
_OPPONENTS = (
    "the other player",
    "another player",
    "your partner",
    "your opponent",
    "a stranger",
    "your neighbour",
)
_MEANINGS = (
    "action1 means cooperate and action2 means defect.",
    "action2 means defect and action1 means cooperate.",
    "Choose action1 to cooperate or action2 to defect.",
    "To cooperate is action1, to defect is action2.",
    "To defect is action2, to cooperate is action1.",
    "action1 is cooperation, action2 is defection.",
)
_LAST_MOVES: dict[Split, tuple[str, ...]] = {
    "train": (
        "Last round you played {own} ({own_verb}) and they played {opp} ({opp_verb}).",
        "Last round they played {opp} ({opp_verb}) and you played {own} ({own_verb}).",
        "In the last round you {own_past} with {own} and they {opp_past} with {opp}.",
        "In the last round they {opp_past} with {opp} and you {own_past} with {own}.",
        "Your last move was {own}, to {own_verb}. Their last move was {opp}, to {opp_verb}.",
        "Their last move was {opp}, to {opp_verb}. Your last move was {own}, to {own_verb}.",
        "A round ago you {own_past} ({own}) while they {opp_past} ({opp}).",
        "A round ago they {opp_past} ({opp}) while you {own_past} ({own}).",
        "You chose {own} and {own_past} last time. They chose {opp} and {opp_past}.",
        "They chose {opp} and {opp_past} last time. You chose {own} and {own_past}.",
    ),
    "heldout": (
        "You {own_past} last round by playing {own}. They {opp_past} by playing {opp}.",
        "They {opp_past} last round by playing {opp}. You {own_past} by playing {own}.",
        "Last time you played {own} and {own_past}, while they played {opp} and {opp_past}.",
        "Last time they played {opp} and {opp_past}, while you played {own} and {own_past}.",
    ),
}
_ASKS: dict[Split, tuple[str, ...]] = {
    "train": (
        "Now I will play",
        "This time I choose",
        "I choose",
        "My next move is",
        "In this round I play",
        "My choice is",
        "I will now choose",
        "I pick",
    ),
    "heldout": ("I will play", "This round I choose", "My move is now"),
}
_PAYOFF_TEMPLATES = (
    (
        "If both cooperate, each gets {r}.",
        "If both defect, each gets {p}.",
        "If one defects alone, that one gets {t} and the other gets {s}.",
    ),
    (
        "Two cooperators get {r} points each.",
        "Two defectors get {p} each.",
        "A lone defector gets {t} and a lone cooperator {s}.",
    ),
    (
        "Cooperating together pays {r} each.",
        "Defecting together pays {p} each.",
        "Defecting alone pays {t}, cooperating alone pays {s}.",
    ),
)
_PAST = {"Cooperate": "cooperated", "Defect": "defected"}
_ACTION = {"Cooperate": COOPERATE.strip(), "Defect": DEFECT.strip()}


def payoff_sentences(payoffs: Payoffs, rng: random.Random) -> str:
    """The four payoffs in words, in one of the shipped phrasings and a random order."""
    template = rng.choice(_PAYOFF_TEMPLATES)
    order = rng.choice(tuple(permutations(template)))
    return " ".join(order).format(
        t=payoffs.temptation, r=payoffs.reward, p=payoffs.punishment, s=payoffs.sucker
    )


def last_moves(state: State, rng: random.Random, split: Split = "heldout") -> str:
    """One phrasing of both last moves, with action names and the words for them."""
    return rng.choice(_LAST_MOVES[split]).format(
        own=_ACTION[state.own],
        opp=_ACTION[state.opp],
        own_verb=state.own.lower(),
        opp_verb=state.opp.lower(),
        own_past=_PAST[state.own],
        opp_past=_PAST[state.opp],
    )


def _wording(scenario: Scenario, payoffs: Payoffs, rng: random.Random, split: Split) -> str:
    opponent = rng.choice(_OPPONENTS)
    parts = [
        rng.choice(_INTROS).format(opp=opponent),
        rng.choice(_MEANINGS),
        payoff_sentences(payoffs, rng),
        last_moves(scenario.state, rng, split),
    ]
    if scenario.framing:
        parts.append(rng.choice(scenario.framing).format(opp=opponent))
    parts.append(rng.choice(_ASKS[split]))
    return " ".join(parts)


def wordings(
    scenario: Scenario,
    n: int,
    seed: int,
    *,
    split: Split = "heldout",
    payoffs: Payoffs = Payoffs(),  # noqa: B008 - frozen
    exclude: Sequence[str] = (),
) -> list[str]:
    """`n` distinct prompts of one scenario, each of which " action1" or " action2" continues.

    The split "heldout" phrases last moves and the question as the corpus of the `world`
    specimen never does. Raises PromptError when fewer than `n` distinct prompts are found.
    """
    rng = random.Random(f"{scenario.name}:{seed}:{split}")
    found: dict[str, None] = {}
    misses = 0
    while len(found) < n and misses < 200:
        prompt = _wording(scenario, payoffs, rng, split)
        new = prompt not in found and prompt not in exclude
        misses = 0 if new else misses + 1
        if new:
            found[prompt] = None
    if len(found) < n:
        raise PromptError(
            f"Only {len(found)} distinct wordings of {scenario.name!r} were found "
            f"where {n} were asked: ask fewer."
        )
    return list(found)
