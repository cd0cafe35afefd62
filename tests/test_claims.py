"""Every registered claim: seldom supported without an effect, found with one, and worded by rule.

The tables are those of `python -m bench.calibration --claims`, fewer of them.
"""

import re
from dataclasses import replace

import numpy as np
import pytest
from bench.calibration_claims import rng_of, supported
from bench.claims.everything import STUDIES, WORLDS, worlds_of
from bench.claims.world import World

from microtome.lab.claims import Finding
from microtome.lab.verdicts import Judged, judge
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.sampling import Sampling
from tests.lab.test_verdicts import due_discoveries, due_verdict

TABLES, MOST = 200, 16
"""At most 16 of 200: the 97.5 % point of 5 %."""
FAR = 10**6
"""Blocks of tables that the calibration never reaches."""
PLANTED = [world for world in WORLDS if world.effects]
DOWN = re.compile(r"\b(less|fewer|falls|nearer|away|cooperation)\b")
UP = re.compile(r"\b(more|rises|grows|farther|towards|defection)\b")
SIGNED = re.compile(r"(?<![\w.])([+-])\d")
UNSURE = re.compile(r"not shown|without a lean that is shown")


def name(world: World) -> str:
    return world.key


@pytest.mark.slow
@pytest.mark.parametrize("world", WORLDS, ids=name)
def test_a_claim_is_false_in_few_tables_without_an_effect(world: World) -> None:
    rng = rng_of(world, 0.0, FAR)
    assert sum(supported(world.draw(rng, 0.0)) for _ in range(TABLES)) <= MOST


@pytest.mark.parametrize("world", PLANTED, ids=name)
def test_the_largest_planted_effect_is_supported_in_most_tables(world: World) -> None:
    effect = float(world.effects[-1])
    rng = rng_of(world, effect, FAR)
    found = [judge([world.draw(rng, effect)])[0] for _ in range(10)]
    assert sum(one.verdict == "supported" for one in found) >= 6
    for one in found:
        own = one.finding.claim
        assert own
        assert own.false_in
        assert own.p is not None, "no table here is too small for a p"
        assert len(one.answer.split()) <= 25
        assert len(one.finding.answer.split()) <= 25


def test_no_second_claim_goes_by_the_same_name() -> None:
    assert len({world.key for world in WORLDS}) == len(WORLDS)
    assert len({(world.study, world.claim) for world in PLANTED}) == len(PLANTED)


@pytest.mark.parametrize("study", [Dilemmas, Misconceptions, Sampling])
def test_every_question_with_a_claim_has_a_world(study: type) -> None:
    """Descriptions alone answer how much the dictionaries explain."""
    asked = {
        world.draw(np.random.default_rng(0), float(world.effects[-1])).question
        for world in PLANTED
        if world.study == study.name
    }
    assert {one.name for one in study.questions} - asked <= {"dictionaries"}


def found(rng: np.random.Generator, study: str) -> list[Finding]:
    """One finding of every claim, some without an effect, some with; a third with another p."""
    made = []
    for world in worlds_of(study):
        effect = float(rng.choice([0.0, *world.effects]))
        one = world.draw(rng, effect)
        assert one.claim
        if rng.random() < 1 / 3:
            p = float(rng.choice([0.0005, 0.01, 0.04, 0.3, 1.0]))
            one = replace(one, claim=replace(one.claim, p=max(p, one.claim.floor)))
        if rng.random() < 1 / 8:
            one = replace(one, claim=replace(one.claim, control_holds=bool(rng.random() < 0.5)))
        made.append(one)
    return made


def turned(one: Finding, rng: np.random.Generator) -> Finding:
    """The same claim with random evidence on either side of its null, or across it."""
    assert one.claim
    value, reach = one.claim.null + rng.normal(), rng.exponential(0.7, 2)
    ends = replace(one.evidence, value=value, low=value - reach[0], high=value + reach[1])
    return replace(one, evidence=ends)


@pytest.mark.parametrize("study", STUDIES)
def test_the_verdict_of_every_claim_is_the_rules(study: str) -> None:
    rng, seen = np.random.default_rng(21), set()
    for _ in range(6):
        drawn = found(rng, study)
        for findings in (drawn, *([turned(one, rng) for one in drawn] for _ in range(20))):
            discoveries = due_discoveries(findings)
            for i, one in enumerate(judge(findings)):
                assert one.verdict == due_verdict(findings[i], i in discoveries), one
                follows_the_rule(one)
                seen.add(one.verdict)
    assert seen == {"supported", "not supported", "inconclusive", "control failed"}


def follows_the_rule(one: Judged) -> None:
    """A direction only of a supported claim, and then the one in which the interval lies."""
    claim, shown = one.finding.claim, one.finding.evidence
    assert claim
    if one.verdict != "supported":
        assert one.answer == one.finding.answer
        assert UNSURE.search(one.answer)
        return
    assert shown.low is not None
    assert shown.high is not None
    above = shown.low > claim.null
    assert above != (shown.high < claim.null)
    assert claim.side in (0, 1 if above else -1)
    assert one.answer == (claim.above if above else claim.below)
    assert not UNSURE.search(one.answer)


@pytest.mark.parametrize("study", STUDIES)
def test_text_and_number_agree_in_direction(study: str) -> None:
    rng, directed, signed = np.random.default_rng(22), 0, 0
    for _ in range(6):
        for one in found(rng, study):
            claim, shown = one.claim, one.evidence
            assert claim
            assert shown.value is not None
            for text in {claim.above, claim.below, one.answer} - {""}:
                # Nearer to 0 a number may be printed as +0.00.
                for sign in SIGNED.findall(text) if abs(shown.value) > 0.01 else ():
                    assert (sign == "+") == (shown.value > 0), text
                    signed += 1
            if claim.side == 0 and claim.above != claim.below:
                assert UP.search(claim.above), claim.above
                assert not DOWN.search(claim.above), claim.above
                assert DOWN.search(claim.below), claim.below
                directed += 1
    assert signed > 10
    assert directed > 10 or study == "misconceptions", "whose claims all predict a side"
