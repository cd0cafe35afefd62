"""The next action after a round: by a stated plan, or else a fair coin, whatever the state."""

from __future__ import annotations

import random
from dataclasses import dataclass

from microtome.data import phrases, phrases_asks
from microtome.data.games import SCENARIOS, STATE_NAMES, Payoffs, Scenario, State, payoff_sentences
from microtome.data.tellings import PERSONS, Pair, any_round
from microtome.data.templates import Split, any_template
from microtome.data.templates_heldout import HELDOUT
from microtome.specimens.world.dilemmas.plans import PLANS, planned, settled
from microtome.specimens.world.dilemmas.questions import ACTION, any_form, ask_one, ask_who

PAYOFFS = Payoffs()
_LETTERS = {"C": "Cooperate", "D": "Defect"}


def neutral(state: State) -> Scenario:
    """A scenario that tells the state without a story."""
    return Scenario(f"{state.name}_plain", state.own, state.opp, "Told without a story")


_PLAIN = tuple(neutral(State.parse(name)) for name in STATE_NAMES)


@dataclass(frozen=True)
class Act:
    """A prompt, the move ("C" or "D") that follows it, and what settled it ("" is a coin)."""

    players: Pair
    prompt: str
    state: str
    plan: str
    scenario: str
    move: str


def _move(plan: str, state: str, rng: random.Random) -> str:
    return settled(plan, state) if plan else rng.choice("CD")


def short(rng: random.Random, plan_share: float = 0.6) -> Act:
    """Moves, plan (or none) and question, without the payoffs."""
    state, players = rng.choice(STATE_NAMES), Pair.draw(rng.choice(PERSONS), rng)
    plan = rng.choice(tuple(PLANS)) if rng.random() < plan_share else ""
    parts = [any_round(players, state, rng)]
    if plan:
        parts.insert(rng.choice((0, 1)), planned(plan, players.own, players.opp, rng))
    if rng.random() < 0.5:
        parts.insert(0, rng.choice(phrases.MEANINGS))
    asks = phrases_asks.NAMED_ASKS if players.person == "names" else phrases_asks.ASKS
    parts.append(rng.choice(asks).format(S=players.own.subject, P=players.own.possessive))
    return Act(players, " ".join(parts), state, plan, "", _move(plan, state, rng))


def full(rng: random.Random, split: Split = "train", plan_share: float = 0.25) -> Act:
    """A whole prompt as the study has them; a plan stands where a story may stand."""
    template = rng.choice(HELDOUT) if split == "heldout" else any_template(rng)
    scenario = rng.choice(SCENARIOS) if rng.random() < 0.6 else rng.choice(_PLAIN)
    players, state = Pair.draw(template.person, rng), scenario.state.name
    plan = rng.choice(tuple(PLANS)) if rng.random() < plan_share else ""
    stories = scenario.framing if template.person in ("you", "noun") else scenario.impersonal
    story = rng.choice(stories).format(opp=players.first) if stories else ""
    if plan:
        story = planned(plan, players.own, players.opp, rng)
    prompt = template.text(players, state, payoff_sentences(PAYOFFS, rng), story, rng)
    return Act(players, prompt, state, plan, scenario.name, _move(plan, state, rng))


def aftermath(act: Act, rng: random.Random) -> str:
    """What is true after the action: the points of this round, or who did what before it."""
    if rng.random() < 0.25:
        return _points(act, rng)
    own, opp = act.players.own, act.players.opp
    if rng.random() < 0.3:
        question, answer = ask_who(act.players, act.state, rng)
        return f" Before that: {question} Answer: {answer}."
    both = [(own, act.state[0]), (opp, act.state[1])]
    asked = rng.sample(both, 1 if act.scenario else 2)  # a whole prompt leaves room for one
    texts = (ask_one(*one, any_form(rng)) for one in asked)
    return f" Before that: {'. '.join(texts)}."


def _points(act: Act, rng: random.Random) -> str:
    other = rng.choice("CD")
    own, opp = State.parse(act.move + other).own, State.parse(act.move + other).opp
    mine, theirs = PAYOFFS.points(own, opp), PAYOFFS.points(opp, own)
    return f" The other plays {ACTION[other]}. That pays {mine} and, to the other, {theirs}."
