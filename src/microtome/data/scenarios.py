"""The five shipped scenarios of the prisoner's dilemma: a state and a story."""

from __future__ import annotations

from dataclasses import dataclass

from microtome.data.states import LETTER, Move, State
from microtome.errors import ConfigError, suggest


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
            if move not in LETTER:
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
