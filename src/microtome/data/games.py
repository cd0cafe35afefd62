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
from microtome.data.tellings import Pair
from microtome.data.templates import Split, Template, any_template
from microtome.data.templates_heldout import HELDOUT
from microtome.errors import ConfigError, PromptError, suggest

Move = Literal["Cooperate", "Defect"]

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
    """A state with a story; `framing` holds sentences of which a wording has one (none if empty).

    `{opp}` in a framing stands for the opponent ("the other player"). Wordings that speak of
    "me" or of two names take a sentence from `impersonal` instead.
    """

    name: str
    state_self: Move
    state_opp: Move
    description: str
    framing: tuple[str, ...] = ()
    impersonal: tuple[str, ...] = ()

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
            "So far there is no reason to complain.",
            "You both gain from this.",
        ),
        (
            "Things go well this way.",
            "So far trust has paid.",
            "There is peace in this game.",
            "This has been good for both.",
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
            "You wonder what more you could get.",
            "A little greed would pay now.",
        ),
        (
            "It is tempting to take more now.",
            "A lone defection would earn more.",
            "There is a quick gain in defecting now.",
            "Nobody would stop a defection.",
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
            "You lost and they won.",
            "That was not fair to you.",
        ),
        (
            "Trust was not returned.",
            "Kindness was not rewarded.",
            "That trust cost a lot.",
            "It did not feel fair.",
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
            "You won and they lost.",
            "Perhaps you owe them something.",
        ),
        (
            "That trust was abused.",
            "It was an easy gain.",
            "The gain came at a cost to the other.",
            "It was not a kind move.",
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
            "This could go on for a long time.",
            "You both earn little.",
        ),
        (
            "The cycle of distrust goes on.",
            "This way both lose.",
            "Nobody is doing well.",
            "The distrust does not end.",
        ),
    ),
)


def scenario(name: str) -> Scenario:
    """The shipped scenario of that name; raises ConfigError naming the ones that exist."""
    for found in SCENARIOS:
        if found.name == name:
            return found
    raise ConfigError(f"Unknown scenario {name!r}.{suggest(name, [s.name for s in SCENARIOS])}")


_ORDERS = tuple(permutations(range(3)))


def payoff_sentences(payoffs: Payoffs, rng: random.Random) -> str:
    """The four payoffs in words, in one of the shipped phrasings and a random order."""
    template = rng.choice(phrases.PAYOFFS)
    order = rng.choice(_ORDERS)
    return " ".join([template[i] for i in order]).format(
        t=payoffs.temptation, r=payoffs.reward, p=payoffs.punishment, s=payoffs.sucker
    )


@dataclass(frozen=True)
class Wording:
    """A prompt and the name of its template ("trained" for those of the training split)."""

    text: str
    template: str


def worded(
    scenario: Scenario, template: Template, rng: random.Random, payoffs: Payoffs | None = None
) -> str:
    """One prompt of a scenario in a template; " action1" or " action2" continues it."""
    players = Pair.draw(template.person, rng)
    stories = scenario.framing if template.person in ("you", "noun") else scenario.impersonal
    story = rng.choice(stories).format(opp=players.first) if stories else ""
    told = payoff_sentences(payoffs or Payoffs(), rng)
    return template.text(players, scenario.state.name, told, story, rng)


def named_wordings(
    scenario: Scenario,
    n: int,
    seed: int,
    *,
    split: Split = "heldout",
    payoffs: Payoffs | None = None,
    exclude: Sequence[str] = (),
) -> list[Wording]:
    """`n` distinct prompts of one scenario, each with its template; see `wordings`."""
    rng = random.Random(f"{scenario.name}:{seed}:{split}")
    found: dict[str, Wording] = {}
    misses = 0
    while len(found) < n and misses < 200:
        template = rng.choice(HELDOUT) if split == "heldout" else any_template(rng)
        text = worded(scenario, template, rng, payoffs)
        new = text not in found and text not in exclude
        misses = 0 if new else misses + 1
        if new:
            found[text] = Wording(text, template.name)
    if len(found) < n:
        raise PromptError(
            f"Only {len(found)} distinct wordings of {scenario.name!r} were found "
            f"where {n} were asked: ask fewer."
        )
    return list(found.values())


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

    The split "heldout" uses templates that the corpus of the `world` specimen never does.
    Raises PromptError when fewer than `n` distinct prompts are found.
    """
    found = named_wordings(scenario, n, seed, split=split, payoffs=payoffs, exclude=exclude)
    return [wording.text for wording in found]
