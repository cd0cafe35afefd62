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
from itertools import pairwise, permutations
from typing import Literal

from microtome.data import phrases
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
        whole = all(type(points) is int for points in order)
        if not whole or any(high <= low for high, low in pairwise(order)):
            raise ConfigError(
                f"Payoffs {order} are no prisoner's dilemma: choose whole numbers with "
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


_PAST = {"Cooperate": "cooperated", "Defect": "defected"}
_ACTION = {"Cooperate": COOPERATE.strip(), "Defect": DEFECT.strip()}


def payoff_sentences(payoffs: Payoffs, rng: random.Random) -> str:
    """The four payoffs in words, in one of the shipped phrasings and a random order."""
    template = rng.choice(phrases.PAYOFFS)
    order = rng.choice(tuple(permutations(template)))
    return " ".join(order).format(
        t=payoffs.temptation, r=payoffs.reward, p=payoffs.punishment, s=payoffs.sucker
    )


def last_moves(state: State, rng: random.Random, split: Split = "heldout") -> str:
    """One phrasing of both last moves, with action names and the words for them."""
    return rng.choice(phrases.LAST_MOVES[split]).format(
        own=_ACTION[state.own],
        opp=_ACTION[state.opp],
        own_verb=state.own.lower(),
        opp_verb=state.opp.lower(),
        own_past=_PAST[state.own],
        opp_past=_PAST[state.opp],
    )


def _wording(scenario: Scenario, payoffs: Payoffs, rng: random.Random, split: Split) -> str:
    opponent = rng.choice(phrases.OPPONENTS)
    parts = [
        rng.choice(phrases.INTROS).format(opp=opponent),
        rng.choice(phrases.MEANINGS),
        payoff_sentences(payoffs, rng),
        last_moves(scenario.state, rng, split),
    ]
    if scenario.framing:
        parts.append(rng.choice(scenario.framing).format(opp=opponent))
    parts.append(rng.choice(phrases.ASKS[split]))
    return " ".join(parts)


def wordings(
    scenario: Scenario,
    n: int,
    seed: int,
    *,
    split: Split = "heldout",
    payoffs: Payoffs | None = None,
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
        prompt = _wording(scenario, payoffs or Payoffs(), rng, split)
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
