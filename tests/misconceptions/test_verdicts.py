"""Three parts, one verdict: the rule of each, the claim over all, and the power of few pairs."""

from itertools import product

import numpy as np
import pytest

from microtome.lab.verdicts import judge
from microtome.statistics import Interval, mean
from microtome.statistics.detectable import detectable
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.alone import READ, alone_product
from microtome.studies.misconceptions.candidates import Candidate
from microtome.studies.misconceptions.contrasting import Feature, Sides
from microtome.studies.misconceptions.factoring import Effects
from microtome.studies.misconceptions.judging import Judgement
from microtome.studies.misconceptions.layer import prepare
from microtome.studies.misconceptions.material import factor_pairs, of_role, pairs_of
from microtome.studies.misconceptions.verdict_rows import mistake_rows, verdict_row
from microtome.studies.misconceptions.verdicts_findings import verdict_findings
from microtome.studies.misconceptions.warm import Warm

STUDY = Misconceptions(model="specimen:world")


def interval(low, high, p=0.001):
    return Interval((low + high) / 2, low, high, 0.95, 24, 24, p=p)


CAUSE = {"predicted": 1, "mean_change": 3.0, "low": 2.0, "high": 4.0, "n": 24, "n_random": 199,
         "random_max": 1.0, "p_random": 0.005, "p_change": 0.004,
         "q_random": 0.01, "smallest_p": 0.005}  # fmt: skip
PREDICTS = {"yes": (4.0, 6.0), "no": (-1.0, 0.5), "undecided": (-1.0, 4.0)}
CAUSES = {
    "yes": CAUSE,
    "no": CAUSE | {"low": -0.05, "high": 0.05, "mean_change": 0.0, "q_random": 0.5},
    "undecided": CAUSE | {"low": -1.0, "high": 7.0, "p_random": 0.4, "q_random": 0.4},
}
FACTORS = {
    "of the voice": {"outside": (1.0, 3.0), "content": (-3.0, -1.0)},
    "specific": {"outside": (-3.0, -1.0), "content": (-3.0, -1.0)},
    "of voice and content": {"outside": (1.0, 3.0), "content": (1.0, 3.0)},
    "undecided": {"outside": (-1.0, 3.0), "content": (-3.0, -1.0)},
}


def judged(predicts, causes, specific, p=0.001):
    inside = interval(*PREDICTS[predicts], p)
    carried = {name: interval(*ends, p) for name, ends in FACTORS[specific].items()}
    effects = Effects(
        Feature(1, 7), "misconception", inside, predicts == "yes", dict(carried), carried
    )
    one = Candidate(Feature(1, 7), "voice", "misconception", -5.0, -3.0, 1e-4)
    return Judgement(one, effects, interval(-6.0, -4.0), CAUSES[causes], 0.05)


@pytest.mark.parametrize(("predicts", "causes"), list(product(PREDICTS, CAUSES)))
def test_each_part_follows_its_own_numbers(predicts, causes):
    for specific in FACTORS:
        one = judged(predicts, causes, specific)
        due = "undecided" if predicts != "yes" else specific
        assert (one.predicts, one.causes, one.specific) == (predicts, causes, due)
        sure = predicts == causes == "yes" and specific in ("of the voice", "specific")
        assert one.complete == sure
        row = verdict_row(one)
        assert (row["predicts"], row["causes"], row["specific"]) == (predicts, causes, due)


@pytest.mark.parametrize(("predicts", "causes"), list(product(PREDICTS, CAUSES)))
def test_the_claim_is_supported_where_all_three_parts_are_there(predicts, causes):
    for specific in FACTORS:
        one = judged(predicts, causes, specific)
        claim, *_ = judge(verdict_findings([one], [mistake(True)], (1, 120), STUDY))
        assert (claim.verdict == "supported") == one.complete
        assert ("causes it and is" in claim.answer and "not shown" not in claim.answer) == (
            one.complete
        )
        failed, *_ = judge(verdict_findings([one], [mistake(True)], (30, 120), STUDY))
        assert failed.verdict == "control failed"


def test_p_of_the_claim_is_the_largest_of_its_parts():
    assert judged("yes", "yes", "specific").p == 0.005
    assert judged("yes", "yes", "specific", p=0.03).p == 0.03
    assert judged("yes", "undecided", "of the voice").p == 0.4
    assert judged("yes", "yes", "undecided").p == 1.0


def mistake(decides):
    return {"layer": 1, "feature": 7, "mistake": "force taken for speed", "value": 1.0, "n": 4,
            "detectable": 2.0 if decides else None, "decides": decides}  # fmt: skip


def test_few_pairs_get_a_sentence_on_power():
    for decides, words in ((True, "has pairs enough"), (False, "up to 4 pairs cannot decide")):
        *_, power = verdict_findings(
            [judged("yes", "yes", "specific")], [mistake(decides)], (0, 120), STUDY
        )
        assert words in power.answer
        assert power.claim is None
        assert len(power.answer.split()) <= 25


def test_a_misconceptions_row_holds_its_own_pairs_and_what_they_could_show():
    rng = np.random.default_rng(0)
    names = ["a taken for b"] * 8 + ["b taken for a"] * 2
    right = np.zeros((10, 1))
    wrong = np.concatenate([rng.normal(6, 1, (8, 1)), rng.normal(0, 1, (2, 1))])
    pairs = tuple(f"p{i}" for i in range(10))
    sides = {"test": Sides((Feature(1, 7),), pairs, right, wrong)}
    one = judged("yes", "yes", "specific")
    rows = mistake_rows(one, sides, dict(zip(pairs, names, strict=True)), STUDY)
    assert [row["mistake"] for row in rows] == ["a taken for b", "b taken for a"]
    assert [row["n"] for row in rows] == [8, 2]
    due = mean(wrong[:8, 0], at=STUDY.at)
    assert (rows[0]["value"], rows[0]["low"], rows[0]["p"]) == (due.value, due.low, due.p)
    spread = np.sqrt((7 * wrong[:8].var(ddof=1) + wrong[8:].var(ddof=1)) / 8)
    for row, n in zip(rows, (8, 2), strict=True):
        assert row["detectable"] == pytest.approx(detectable(spread, n, STUDY.at))
        assert row["least"] == 2.5
    assert [row["decides"] for row in rows] == [True, False]


@pytest.mark.medium
def test_the_planted_voice_is_ablated_alone_on_the_members_of_its_side(world, small, planted):
    every = (*pairs_of(small), *factor_pairs(small))
    pairs = [pair for role in READ for pair in of_role(every, role)]
    found = alone_product(prepare(0, pairs, Warm(world, {0: planted.sae}), small))
    features = {row["feature"]: row for row in found.tables["verdicts_features"]}
    assert features[planted.misconception]["found_by"] == "voice"
    assert features[planted.misconception]["side"] == "misconception"
    by_voice = [row for row in features.values() if row["found_by"] == "voice"]
    assert len(by_voice) <= small.judged
    name = str(planted.misconception)
    own = [r for r in found.tables["verdicts_results"] if r["features"] == name]
    held_out = of_role(pairs_of(small), "test")
    assert [r["id"] for r in own] == [pair.misconception.id for pair in held_out]
    random = [r for r in found.tables["verdicts_controls"] if r["features"] == name]
    assert len(random) == 199
    assert np.mean([r["change"] for r in own]) > max(r["mean_change"] for r in random)
    assert all(audit.passed for audit in found.audits)
