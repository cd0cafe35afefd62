"""Wordings of the prisoner's dilemma name the right player, and the held-out ones stay out."""

from __future__ import annotations

import random
import re
from itertools import islice

import pytest

from microtome.data.games import (
    SCENARIOS,
    STATE_NAMES,
    Scenario,
    State,
    named_wordings,
    scenario,
    worded,
    wordings,
)
from microtome.data.phrases_asks import ASKS, HELDOUT_ASKS, HELDOUT_NAMED_ASKS, NAMED_ASKS
from microtome.data.phrases_moves import HALVES, HELDOUT_HALVES
from microtome.data.tellings import PERSONS, Pair, any_round
from microtome.data.templates import any_template, training_templates
from microtome.data.templates_heldout import HELDOUT, heldout_template
from microtome.errors import ConfigError
from microtome.specimens.world import documents
from microtome.specimens.world.dilemmas.tables import shipped_prompts

_MOVE = re.compile(r"action(?P<digit>[12])|(?P<verb>cooperat|defect)", re.IGNORECASE)


def moves_read(text: str) -> str:
    """The letters of all moves in a text, in order: "CCDD"."""
    return "".join(
        "C" if m["digit"] == "1" or (m["verb"] or "").lower() == "cooperat" else "D"
        for m in _MOVE.finditer(text)
    )


def first_of(text: str, players: Pair) -> str:
    """Which player a text names first: "own" or "opp"."""
    marked = text.lower()
    for role, player in (("<opp>", players.opp), ("<own>", players.own)):  # "your partner" first
        for name in (player.possessive, player.subject):
            marked = re.sub(rf"(?<!\w){re.escape(name.lower())}(?!\w)", role, marked)
    assert "<own>" in marked, text
    assert "<opp>" in marked, text
    return "own" if marked.index("<own>") < marked.index("<opp>") else "opp"


def assert_told(text: str, players: Pair, state: str) -> None:
    """The player named first did what is read first; no half contradicts itself."""
    letters = moves_read(text)
    first, second = state if first_of(text, players) == "own" else state[::-1]
    assert re.fullmatch(f"{first}+{second}+", letters), (text, state)


@pytest.mark.parametrize("person", PERSONS)
@pytest.mark.parametrize("state", STATE_NAMES)
def test_a_round_in_trained_words_gives_each_player_its_own_move(person, state) -> None:
    rng = random.Random(f"{person}{state}")
    for _ in range(300):
        players = Pair.draw(person, rng)
        told = any_round(players, state, rng)
        assert_told(told.split(": ")[-1], players, state)


@pytest.mark.parametrize("template", HELDOUT, ids=lambda t: t.name)
def test_a_heldout_template_gives_each_player_its_own_move(template) -> None:
    rng = random.Random(template.name)
    for state in STATE_NAMES:
        for _ in range(4):
            players = Pair.draw(template.person, rng)
            assert_told(template.moves(players, state, rng), players, state)


@pytest.mark.parametrize(
    ("summary", "state"),
    [("only they defected", "CD"), ("you alone defected", "DC"), ("only you cooperated", "CD"),
     ("nobody cooperated", "DD"), ("they alone cooperated", "DC"), ("both cooperated", "CC")],
)  # fmt: skip
def test_a_summary_is_true_of_its_state(summary: str, state: str) -> None:
    rng, seen = random.Random(0), set()
    for _ in range(4000):
        name = rng.choice(STATE_NAMES)
        told = any_round(Pair.draw("you", rng), name, rng)
        if told.lower().startswith(f"{summary}:"):
            seen.add(name)
    assert seen == {state}


def test_twenty_four_templates_of_words_and_questions_that_training_lacks() -> None:
    assert len({t.name for t in HELDOUT}) == len(HELDOUT) >= 24
    frames = {(t.own, t.opp, t.join, t.own_first, t.order, t.ask, t.person) for t in HELDOUT}
    assert len(frames) == len(HELDOUT)
    assert not set(HELDOUT_HALVES.values()) & set(HALVES)
    assert not {*HELDOUT_ASKS, *HELDOUT_NAMED_ASKS} & {*ASKS, *NAMED_ASKS}
    assert {t.own for t in HELDOUT} | {t.opp for t in HELDOUT} == set(HELDOUT_HALVES.values())
    verbs = {re.sub(r".*\b(?:I(?: will)?|my) (\w+).*", r"\1", ask) for ask in ASKS}
    assert len(ASKS) >= 30
    assert len(verbs) >= 8


def test_no_carrying_part_of_a_heldout_template_is_in_a_training_document() -> None:
    def bare(text: str) -> str:
        return re.sub(r"[^a-z# ]", "", re.sub(r"\d", "#", text.lower()))

    rng = random.Random(0)
    texts = "\n".join(bare(d.text) for d in documents("dilemmas", "train", 0, 6000))
    for template in HELDOUT:
        for state in STATE_NAMES:
            players = Pair.draw(template.person, rng)
            assert bare(template.moves(players, state, rng)) not in texts
    for row in shipped_prompts():
        moves = [s for s in re.split(r"(?<=\.) ", row["prompt"]) if "action" in s][1:]
        assert bare(" ".join(moves)) not in texts
        assert not any(bare(t.text) in texts for t in named_wordings(SCENARIOS[0], 60, 0))


def test_a_wording_knows_its_template_and_two_templates_differ() -> None:
    found = named_wordings(scenario("CD_punished"), 200, seed=2)
    assert [w.text for w in found] == wordings(scenario("CD_punished"), 200, seed=2)
    assert {w.template for w in found} == {t.name for t in HELDOUT}
    for wording in found:
        template = heldout_template(wording.template)
        ask = template.ask.split("}")[-1]
        assert wording.text.endswith(ask)
    with pytest.raises(ConfigError, match="'you by playing'"):
        heldout_template("you by plying")


def test_stories_speak_of_the_person_of_the_template() -> None:
    rng = random.Random(1)
    for template in HELDOUT:
        for found in SCENARIOS:
            text = worded(found, template, rng).replace("both of you", "")
            if template.person in ("I", "names"):
                assert not re.search(r"\b[Yy]ou\b", text), text
    plain = Scenario("x", "Cooperate", "Defect", "x")
    assert worded(plain, HELDOUT[0], rng).count(".") < worded(SCENARIOS[2], HELDOUT[0], rng).count(
        "."
    )


def test_training_templates_are_listed_and_are_what_is_drawn() -> None:
    listed = list(islice(training_templates(), 3000))
    assert len(set(listed)) == 3000
    rng = random.Random(0)
    for template in (*listed[::50], *(any_template(rng) for _ in range(500))):
        assert template.own in HALVES
        assert template.opp in HALVES
        assert template.ask in (*ASKS, *NAMED_ASKS)
        players = Pair.draw(template.person, rng)
        told = template.moves(players, "CD", rng).split(": ")[-1]
        assert_told(told, players, "CD")
        assert State.parse("CD").name == "CD"
