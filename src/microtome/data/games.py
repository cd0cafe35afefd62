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

from microtome.data import phrases
from microtome.data.scenarios import SCENARIOS, Scenario, scenario
from microtome.data.states import (
    ACTIONS,
    COOPERATE,
    DEFECT,
    STATE_NAMES,
    Move,
    Payoffs,
    State,
)
from microtome.data.tellings import Pair
from microtome.data.templates import Split, Template, any_template
from microtome.data.templates_heldout import HELDOUT
from microtome.errors import PromptError

__all__ = [
    "ACTIONS", "COOPERATE", "DEFECT", "SCENARIOS", "STATE_NAMES", "Move", "Payoffs", "Scenario",
    "Split", "State", "Wording", "named_wordings", "payoff_sentences", "scenario", "worded",
    "wordings",
]  # fmt: skip

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
