"""One count of claims in a run, a correction over its ablations, and no direction over 0."""

import re

import numpy as np
import pandas as pd
import pytest
from bench.claims.misconceptions import ablations

from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.lab.verdicts import judge
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.ablate_findings import ablation_findings
from microtome.studies.misconceptions.ablate_report import summaries
from microtome.studies.misconceptions.contrast_claims import replicated
from microtome.studies.misconceptions.contrast_findings import contrast_findings
from microtome.studies.misconceptions.contrasting import Feature, Sides, contrast
from microtome.studies.misconceptions.heldout import again

CONTROLS = 19


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    study = Misconceptions(
        model="specimen:world", dtype="float32", controls=CONTROLS, permutations=20,
        layers=(0, 1, 2), steps=("ablate",), output_dir=tmp_path_factory.mktemp("runs"),
    )  # fmt: skip
    return run(study, terminal=Terminal())


@pytest.mark.medium
def test_ablations_count_the_features_that_the_contrast_claims(record):
    contrast, ablated = record.table("contrast"), record.table("ablate_features")
    claimed = contrast[contrast["p_max_t"] <= 0.05]
    there = {(int(n), int(f)) for n, f in zip(claimed["layer"], claimed["feature"], strict=True)}
    assert len(there) >= 5
    summary = record.table("ablate_summary")
    for row in summary.to_dict("records"):
        own = {(row["layer"], int(f)) for f in row["features"].split()}
        assert row["n_claimed"] == len(own & there)
    assert summary["n_claimed"].sum() == len(there), "five of a side hold them all"
    both = ablated.merge(contrast, on=["layer", "feature"])
    assert len(both) == len(ablated)
    assert np.allclose(both["p_max_t_x"], both["p_max_t_y"], atol=1e-3)
    (text,) = (f["answer"] for f in record.findings if f["about"] == "survivors")
    assert text.startswith(f"{len(there)} of ")
    assert " features differ between the members" in text


@pytest.mark.medium
def test_few_random_sets_are_named_as_too_few_for_their_correction(record):
    summary = record.table("ablate_summary")
    assert (summary["smallest_p"] == 1 / (1 + CONTROLS)).all()
    (found,) = (f for f in record.findings if f["about"] == "ablations beyond random sets")
    text = found["evidence"]["detail"]
    assert "19 random sets reach p = 0.05 at best" in text
    assert "raise --controls" in text


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    sides = ("correct", "misconception", "correct again", "misconception again")
    changes = {side: rng.normal(size=12) for side in sides}
    changes["correct"] -= 8
    changes["misconception"] += 8
    random = {side: rng.normal(size=199) for side in sides}
    study = Misconceptions(model="specimen:world")
    given = ablations(changes, random)
    return summaries(given, study), given, study


def test_q_is_benjamini_and_hochbergs_over_the_ablations(made):
    rows, *_ = made
    p = np.array([row["p_random"] for row in rows])
    assert p[0] == p[1] == 1 / 200
    order = np.argsort(p)
    due = np.minimum.accumulate((p[order] * 4 / np.arange(1, 5))[::-1])[::-1]
    assert np.allclose([rows[i]["q_random"] for i in order], np.minimum(due, 1))
    assert [row["n_claimed"] for row in rows] == [1, 1, 0, 0], "as the contrast claims, not within"


def test_a_direction_is_named_only_of_a_claim_that_is_supported(made):
    rows, given, study = made
    judged = judge(ablation_findings(rows, given, study), study.alpha)
    own = [one for one in judged if one.finding.evidence.unit == "nats"]
    for word, row, one in zip(("falls", "rises"), rows, own, strict=False):
        assert one.verdict == "supported"
        assert f"{word} by {abs(row['mean_change']):.3g} nats, as predicted" in one.answer
    for row, one in zip(rows[2:], own[2:], strict=True):
        assert row["low"] < 0 < row["high"]
        assert one.verdict is None, "exploratory: no significant feature, so no claim"
        assert one.answer.startswith("Exploratory: ")
    (overall,) = (one for one in judged if one.finding.evidence.unit == "share")
    assert (overall.finding.evidence.value, overall.finding.evidence.n) == (0.5, 4)


def test_an_ablation_needs_a_change_and_one_beyond_random_sets(made):
    """Random sets that move Δ the other way are no evidence that the features move it."""
    rows, given, study = made
    assert rows[0]["p_change"] < rows[0]["p_random"]
    for fields, p in (({}, 1 / 200), ({"p_random": 0.4}, 0.4), ({"p_change": 0.03}, 0.03),
                      ({"p_change": None}, 1 / 200)):  # fmt: skip
        one, _ = ablation_findings([rows[0] | fields, rows[1]], given, study)[1:3]
        assert one.claim.p == p


def test_an_ablation_that_moves_the_wrong_way_is_not_supported(made):
    """Random sets may do worse still; that is no support for the prediction."""
    rows, given, study = made
    row = rows[0] | {"mean_change": 3.0, "low": 2.0, "high": 4.0, "p_random": 0.005}
    (one,) = (f for f in ablation_findings([row], given, study) if f.evidence.unit == "nats")
    (judged,) = judge([one], study.alpha)
    assert judged.verdict == "not supported"
    assert judged.why == "the interval lies on the other side of 0"
    assert not DIRECTED.search(judged.answer)


DIRECTED = re.compile(r"\b(rises|falls|moves|more|less|replicates|higher|lower)\b")


def test_the_largest_feature_is_claimed_on_held_out_pairs_alone():
    """Random rows: a direction where the judged claim is supported, and there the right one."""
    rng, seen = np.random.default_rng(3), set()
    for _ in range(200):
        change, half = rng.normal(0, 2), rng.exponential(1)
        side = str(rng.choice(["correct", "misconception"]))
        row = {"layer": 1, "feature": 7, "side": side, "mean": 2.0, "test_n": 24,
               "test_mean": change, "test_low": change - half, "test_high": change + half,
               "test_p": float(rng.choice([0.001, 0.2]))}  # fmt: skip
        (judged,) = judge([replicated(row, "", bool(rng.random() < 0.8))])
        shown = change - half > 0 if side == "correct" else change + half < 0
        held = judged.finding.claim.control_holds
        due = bool(shown and row["test_p"] < 0.05 and held)
        assert (judged.verdict == "supported") == due
        assert bool(DIRECTED.search(judged.answer)) == due, judged.answer
        if due:
            assert f"{abs(change):.2f} more in {side} members" in judged.answer
        assert (judged.verdict == "control failed") == (not held)
        seen.add((judged.verdict, side))
    assert len(seen) == 8


def test_no_significant_feature_is_open_and_a_hopeless_design_says_so():
    study = Misconceptions(model="specimen:world", min_pairs=2)
    made = {"contrast_heldout": [], "contrast_separation": [], "contrast_relabelled": []}
    prompts = {"features_prompts": pd.DataFrame({"pair_id": [0, 0], "prompt": ["a", "b"]})}
    for pairs, words in ((12, "holds"), (4, "this design gives no p below 0.12")):
        noise = np.abs(np.random.default_rng(pairs).normal(size=(2, pairs, 5)))
        own = Sides(tuple(Feature(0, i) for i in range(5)), tuple(map(str, range(pairs))), *noise)
        found = contrast(own, min_pairs=2, at=study.at)
        (judged,) = judge(contrast_findings(found, made, prompts, study), study.alpha)
        assert judged.verdict == "inconclusive"
        assert (judged.q is None) == (pairs == 4)
        assert judged.why == (words if pairs == 4 else "there is no interval")


@pytest.mark.parametrize(
    ("mean", "low", "high", "p", "due"),
    [(1.0, 0.5, 2.0, 0.01, True), (1.0, -0.1, 2.0, 0.01, False), (-1.0, 0.5, 2.0, 0.01, False),
     (-1.0, -2.0, -0.5, 0.01, True), (1.0, 0.5, 2.0, 0.2, False), (1.0, None, None, 0.01, False)],
)  # fmt: skip
def test_held_out_pairs_confirm_a_direction_with_p_and_interval(mean, low, high, p, due):
    row = {"mean": mean, "test_low": low, "test_high": high, "test_p_max_t": p}
    assert again(row, "test", 0.05) is due
