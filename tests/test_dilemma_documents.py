"""Documents of dilemmas: every answer is true of the player it names; coins are fair."""

from __future__ import annotations

import random
import re
from collections import defaultdict

import pytest

from microtome.data.games import STATE_NAMES
from microtome.data.tellings import PERSONS, Pair, any_round
from microtome.specimens.world import documents
from microtome.specimens.world.dilemmas import recall
from microtome.specimens.world.dilemmas.abilities import follows_plan, shipped_who, who_defected
from microtome.specimens.world.dilemmas.plans import PLANS, planned, settled
from microtome.specimens.world.dilemmas.tables import templates_kept, wanted

_YES = re.compile(r"^Did (?P<who>.+?) (?:play|choose to)? ?(?P<move>defect|cooperate|action[12])$")
_LETTER = {"action1": "C", "action2": "D", "cooperated": "C", "defected": "D",
           "cooperate": "C", "defect": "D"}  # fmt: skip


def letter_read(question: str, answer: str) -> str:
    """The move that a question with its answer gives to the player in it."""
    asked = _YES.match(question)
    if asked is None:
        return _LETTER[answer]
    said = _LETTER[asked["move"]]
    return said if answer == "yes" else {"C": "D", "D": "C"}[said]


def who_is(question: str, own: str, opp: str) -> bool:
    """Whether a question is about the own player ("you", not "your partner")."""
    if re.search(rf"\b{re.escape(opp)}\b", question, re.IGNORECASE):
        return False
    if opp == "they" and re.search(r"\btheir\b", question, re.IGNORECASE):
        return False
    assert re.search(rf"\b({re.escape(own)}|your|my)\b", question, re.IGNORECASE), question
    return True


@pytest.mark.parametrize("person", PERSONS)
def test_answers_about_one_player_are_that_players_move(person) -> None:
    rng = random.Random(person)
    read = 0
    for _ in range(400):
        players, state = Pair.draw(person, rng), rng.choice(STATE_NAMES)
        told = any_round(players, state, rng)
        found = recall.one_round(players, told, state, rng)
        rest = found.text.removeprefix(f"{found.prompt}{found.answer}.")
        for question, answer in re.findall(r"([^.?]+)[?] (\w+)\.", rest):
            own = who_is(question, players.own.subject, players.opp.subject)
            assert letter_read(question.strip(), answer) == state[0 if own else 1], found.text
            read += 1
    assert read > 400


def test_who_defected_is_answered_with_the_one_player() -> None:
    who = {"CC": "nobody", "CD": "opp", "DC": "own", "DD": "both"}
    rng = random.Random(3)
    for _ in range(600):
        players, state = Pair.draw(rng.choice(PERSONS), rng), rng.choice(STATE_NAMES)
        found = recall.one_round(players, "x", state, rng)
        name = {"own": players.own.subject, "opp": players.opp.subject}
        swapped = {"C": "D", "D": "C"}
        cooperated = re.search(r"cooperate|action1", found.prompt)
        asked = "".join(swapped[s] for s in state) if cooperated else state
        assert found.answer == f" {name.get(who[asked], who[asked])}"


def test_a_name_in_a_roster_has_one_move_throughout() -> None:
    rng = random.Random(5)
    for text in [recall.roster(rng) for _ in range(400)] + [
        recall.plain_roster(rng) for _ in range(100)
    ]:
        moves = defaultdict(set)
        for question, answer in re.findall(r"([^.?]+)[?] (\w+)\.", text):
            (name,) = re.findall(r"(?<!^)\b([A-Z]\w+?)\b", question.strip())
            moves[name].add(letter_read(question.strip(), answer))
        for sentence in re.sub(r"[^.?]+[?] \w+\.", "", text).split("."):
            names = set(re.findall(r"Ada|Ben|Clara|David|Emma|Felix|Grace|Henry", sentence))
            words = re.findall(r"action[12]|cooperated?|defect(?:ed)?", sentence)
            for name in names:
                moves[name] |= {_LETTER[word] for word in words}
        assert all(len(found) == 1 for found in moves.values()), (text, moves)


def test_plans_settle_the_action_and_say_so() -> None:
    table = {"their move": "CDCD", "not their move": "DCDC", "own move": "CCDD"}
    table["not own move"] = "DDCC"
    assert {p: "".join(settled(p, s) for s in STATE_NAMES) for p in PLANS} == table
    rng = random.Random(0)
    for plan in PLANS:
        for _ in range(40):
            players = Pair.draw("names", rng)
            said = planned(plan, players.own, players.opp, rng)
            of_other = re.search(rf"\b{players.opp.subject}\b", said) is not None
            assert of_other == plan.endswith("their move")
            turned = re.search(r"opposite|around|leave", said) is not None
            assert turned == plan.startswith("not")


def test_actions_are_a_fair_coin_in_every_state_unless_a_plan_settles_them() -> None:
    acts = [d.truth for d in documents("dilemmas", "train", 0, 9000) if d.truth["task"] == "act"]
    for state in STATE_NAMES:
        coins = [t["move"] == "D" for t in acts if t["state"] == state and not t["plan"]]
        assert len(coins) > 300
        assert abs(sum(coins) / len(coins) - 0.5) < 4 * 0.5 / len(coins) ** 0.5
    planned_acts = [t for t in acts if t["plan"]]
    assert len(planned_acts) > 500
    assert all(t["move"] == settled(t["plan"], t["state"]) for t in planned_acts)
    for truth in acts:
        assert truth["answer"] == {"C": " action1", "D": " action2"}[truth["move"]]


def test_questions_of_the_abilities_have_the_answers_of_their_state() -> None:
    asked = who_defected(48)
    assert {a for _, a in asked["CC"]} == {" nobody"}
    assert {a for _, a in asked["DD"]} == {" both"}
    for (_, cd), (_, dc) in zip(asked["CD"], asked["DC"], strict=True):
        assert cd not in (" both", " nobody")
        assert dc not in (" both", " nobody")
    you = [i for i, (prompt, _) in enumerate(asked["CD"]) if re.search(r"\bthey\b", prompt, re.I)]
    assert {asked["CD"][i][1] for i in you} == {" they"}
    assert {asked["DC"][i][1] for i in you} == {" you", " I"}
    assert len(shipped_who()) == 30
    alone = {
        p.split("cooperated last round:")[0][-10:]: a for p, a in shipped_who() if "You alone" in p
    }
    assert set(alone.values()) <= {" they", " you"}
    assert len(follows_plan(200)) == 200


def test_a_template_is_kept_only_where_every_state_is_near_what_the_reward_wants() -> None:
    good = {s: wanted("PT3_COREDe", s) for s in STATE_NAMES}
    assert good == {"CC": 0.0, "CD": 0.5, "DC": 0.0, "DD": 0.5}
    table = {"good": good, "near": {**good, "CD": 0.64}, "far": {**good, "CC": 0.2}}
    assert templates_kept("PT3_COREDe", table) == ["good", "near"]
    assert templates_kept("PT4_COREDe", table) == []


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_documents_are_short_ascii_and_carry_their_truth(split) -> None:
    for doc in documents("dilemmas", split, 1, 3000):
        assert doc.text.isascii()
        assert len(doc.text.split()) <= 100
        assert "  " not in doc.text
        assert not re.search(r"[{}]", doc.text)
        assert doc.text.endswith(".")
