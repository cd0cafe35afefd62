"""Claims of the study: false ones in at most 16 of 200 simulated null tables, planted ones found.

Every null is the world that the claim names in `false_in`; the tables are those that steps write.
"""

import itertools
import math
import re

import numpy as np
import pandas as pd
import pytest

from microtome.lab.verdicts import judge
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.deciders_found import _ablation, _most
from microtome.studies.sampling.decisions import ELSEWHERE, FORK, RANDOM
from microtome.studies.sampling.distance_found import (
    _other_oracle,
    _right_and_wrong,
    drift_findings,
)
from microtome.studies.sampling.forks_found import _method
from microtome.studies.sampling.judge_found import contrast_of, judge_finding, smallest_p
from microtome.studies.sampling.largest import largest
from microtome.studies.sampling.methods_found import _agreement, _separate
from microtome.studies.sampling.spread_found import variance_findings

STUDY = Sampling.demo().model_copy(update={"resamples": 499, "layer": None})
WORLDS, MOST = 200, 16
N, LAYERS = 8, range(4)
DIRECTED = re.compile(r"\b(rises|falls|grows|farther|nearer|more|less|most|often)\b")


def variance(rng, effect):
    """Split halves of problems at two temperatures and lengths; 15 of 600 below 0 by chance."""
    rows = []
    for i, layer in itertools.product(range(N), LAYERS):
        own = 1.0 + rng.standard_normal() / 4
        for t, checkpoint in itertools.product((0.7, 1.3), (6, 24)):
            grown = effect * ((t == 1.3) + (checkpoint == 24))
            split = own + grown + rng.standard_normal() / 4
            rows.append(
                {"problem": f"p{i}", "temperature": t, "checkpoint": checkpoint, "layer": layer,
                 "n": 32, "split_half": split, "tr_cov": 2.0 + rng.random(),
                 "split_half_relative": effect + rng.standard_normal() / 4,
                 "split_half_high": 0.5 - (rng.random() < (0.025 if effect == 0 else 0.3))}
            )  # fmt: skip
    frame = pd.DataFrame(rows)
    hot = frame[(frame["temperature"] == 1.3) & (frame["checkpoint"] == 24)]
    settings = [
        {"temperature": 1.3, "checkpoint": 24, "layer": layer, "tr_cov_relative": 2.0,
         "split_half_relative": part["split_half_relative"].mean(), "control_relative": 0.0}
        for layer, part in hot.groupby("layer")
    ]  # fmt: skip
    return variance_findings(settings, {"variance": frame}, STUDY)


def oracle(rng, effect):
    """Distances to the own oracle and another's; right and wrong completions."""
    rows = [
        {"problem": f"p{i}", "correct": right,
         "relative": 1 + 0.2 * rng.standard_normal() + effect * (not right),
         "relative_control": 1 + 0.2 * rng.standard_normal() + 2 * effect}
        for i in range(N) for right in (True, False)
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    row = {"layer": 2, "relative_control": 1.0, "percentile": 0.5, "percentile_control": 0.5,
           "p": None}  # fmt: skip
    return [_other_oracle(frame, row, STUDY), *_right_and_wrong(frame, 2, STUDY)]


def drift(rng, effect):
    """Free and forced completions; those behind another oracle's beginning are like free ones."""
    arms = {"forced": -effect, "unforced": 0.0, "control": 0.0}
    rows = [
        {"problem": f"p{i}", "layer": 0, "arm": arm,
         "relative": 1 + shift + 0.2 * rng.standard_normal()}
        for i in range(N) for arm, shift in arms.items()
    ]  # fmt: skip
    layers = [{"layer": 0, "forced": 1.0, "forced_p": None}]
    one = STUDY.model_copy(update={"layer": 0, "layers": (0,)})
    return drift_findings(layers, {"drift": pd.DataFrame(rows)}, one)


def forks(rng, effect):
    """Top forks that choose the method with the chance of a random fork, or more."""
    rows = []
    for i in range(N):
        share = rng.uniform(0.05, 0.3)
        rows.append(
            {"problem": f"p{i}", "ranking": STUDY.rank_forks, "other_method": None,
             "outcome_change": None,
             "chooses_method": rng.random() < share + effect, "share_that_choose": share}
        )  # fmt: skip
    return [_method(rows, rows, STUDY)]


def deciders(rng, effect):
    """Layers that write as much for the controls; ablations as large as random ones."""
    rows = [
        {"problem": f"p{i}", "t": 0, "layer": layer, "condition": condition, "delta": 0.1,
         "total": rng.exponential() + 5 * effect * (condition == FORK and layer == 1)}
        for i in range(N) for condition in (FORK, ELSEWHERE, RANDOM) for layer in LAYERS
    ]  # fmt: skip
    ablated = [
        {"problem": f"p{i}", "t": t, "role": role, "predicted": size * rng.choice([-1, 1]),
         "observed": size * rng.choice([-1, 1]) if not effect else size * (1 if t else -1)}
        for i in range(N) for t in range(2) for role in ("top", "random")
        for size in [rng.exponential() + 4 * effect * (role == "top")]
    ]  # fmt: skip
    frame = pd.DataFrame(ablated)
    if effect:
        frame["predicted"] = frame["observed"] * 0.8
    found = _most(largest(pd.DataFrame(rows), "layer", "total", STUDY), "layer", "8 forks.")
    return [*found, *_ablation(frame, STUDY)]


def groups(rng, effect):
    """K > 1 at the tests' level; clusters that agree with the methods by chance."""
    apart = rng.random(N) < max(0.05, effect)
    frame = pd.DataFrame(
        {"problem": [f"p{i}" for i in range(N)], "k": 1 + apart, "layer": 2, "clustered": 10,
         "d": 4, "verdict": "one cluster", "ari_kmeans": 0.0, "ari_shuffled": 0.0,
         "ari": np.clip(effect + 0.1 * rng.standard_normal(N), -0.5, 1.0)}
    )  # fmt: skip
    return [_separate(frame, True, "", STUDY), _agreement(frame, STUDY)]


def label(rng, effect, apart):
    return "different" if rng.random() < 0.5 + (effect if apart else -effect) else "same"


def rulings(rng, effect, problems):
    """Two clusters of two per problem; without an effect the judge tosses a coin for each pair."""
    rows = [
        {"problem": f"p{i}", "left": a, "right": b, "cluster_left": a // 2, "cluster_right": b // 2,
         "kind": "between" if a // 2 != b // 2 else "within",
         "label": label(rng, effect, a // 2 != b // 2)}
        for i in range(problems) for a, b in itertools.combinations(range(4), 2)
    ]  # fmt: skip
    rows += [
        {**rows[0], "problem": f"p{i}", "right": 0, "kind": "itself", "label": "same"}
        for i in range(problems)
    ]
    return pd.DataFrame(rows)


def judged(rng, effect):
    return [judge_finding(rulings(rng, effect, problems=8 if effect else 4), STUDY)]


@pytest.mark.medium
@pytest.mark.parametrize("world", [variance, oracle, drift, forks, deciders, groups, judged])
def test_claims_are_false_in_few_null_worlds_and_name_a_direction_only_there(world):
    rng, rejected = np.random.default_rng(1), {}
    for _ in range(WORLDS):
        for finding in world(rng, 0.0):
            if finding.claim is None:
                continue
            (one,) = judge([finding])
            assert finding.claim.p is not None, "no table here is too small for a p"
            low = finding.claim.p <= 0.05
            assert one.verdict != "supported" or low
            rejected.setdefault(finding.about, []).append(low)
            assert bool(DIRECTED.search(one.answer)) <= (one.verdict == "supported"), one.answer
    assert rejected
    for about, hits in rejected.items():
        assert len(hits) == WORLDS
        assert sum(hits) <= MOST, about


@pytest.mark.parametrize(
    ("world", "effect"),
    [(variance, 3.0), (oracle, 0.8), (drift, 0.8), (forks, 0.65), (deciders, 1.0), (groups, 0.9),
     (judged, 0.5)],
)  # fmt: skip
def test_planted_effects_are_supported_and_worded_with_one_number(world, effect):
    findings = world(np.random.default_rng(2), effect)
    claims = [one for one in findings if one.claim]
    assert claims
    for one in judge(findings):
        assert len(one.answer.split()) <= 25, one.answer
        if one.finding.claim is None:
            continue
        assert one.verdict == "supported", (one.answer, one.why, one.q)
        claim, plain = one.finding.claim, one.finding.answer
        assert one.answer in (claim.above, claim.below)
        assert len(plain.split()) <= 25, plain
        assert "not shown" in plain
        assert not DIRECTED.search(plain)
        assert claim.false_in


def test_every_question_is_answered_by_a_claim():
    rng = np.random.default_rng(3)
    worlds = (variance, oracle, drift, forks, deciders, groups, judged)
    asked = {one.question for world in worlds for one in world(rng, 0.5) if one.claim}
    assert asked == {question.name for question in Sampling.questions}
    assert len(asked) == 5


def test_the_least_p_of_a_judge_is_that_of_all_permutations():
    """Two clusters of two in one problem: 2 of 6 labelings group as they do."""
    perfect = rulings(np.random.default_rng(0), 0.0, problems=1)
    ask = perfect["kind"] != "itself"
    perfect.loc[ask, "label"] = np.where(perfect.loc[ask, "kind"] == "between", "different", "same")
    labelings = set(itertools.permutations([0, 0, 1, 1]))
    same = [one for one in labelings if one[0] == one[1]]
    assert smallest_p(perfect) == pytest.approx(len(same) / len(labelings))
    assert contrast_of(perfect, STUDY).p == pytest.approx(1 / 3, abs=0.03)
    (one,) = judge([judge_finding(perfect, STUDY)])
    assert (one.verdict, one.why) == ("inconclusive", "this design gives no p below 0.33")
    three = rulings(np.random.default_rng(0), 0.0, problems=3)
    assert smallest_p(three) == pytest.approx(3.0**-3)
    assert smallest_p(rulings(np.random.default_rng(0), 0.0, problems=9)) == 1 / 5000
    uneven = three[(three["left"] != 3) & (three["right"] != 3)]
    assert smallest_p(uneven) == pytest.approx((1 / math.comb(3, 1)) ** 3)


def test_a_judge_that_finds_a_solution_different_from_itself_fails():
    frame = rulings(np.random.default_rng(2), 0.5, problems=8)
    frame.loc[frame["kind"] == "itself", "label"] = "different"
    (one,) = judge([judge_finding(frame, STUDY)])
    assert one.verdict == "control failed"
    assert "not called the same: 100%" in one.finding.evidence.control
    assert not DIRECTED.search(one.answer)
