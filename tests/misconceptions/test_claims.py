"""One count of claims in a run, a correction over its ablations, and no direction over 0."""

import numpy as np
import pandas as pd
import pytest

from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.ablate_findings import ablation_findings
from microtome.studies.misconceptions.ablate_report import summaries
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
    (text,) = (f["text"] for f in record.findings if f["about"] == "survivors")
    assert f" {len(there)} differ between the members" in text


@pytest.mark.medium
def test_few_random_sets_are_named_as_too_few_for_their_correction(record):
    summary = record.table("ablate_summary")
    assert (summary["smallest_p"] == 1 / (1 + CONTROLS)).all()
    (text,) = (f["text"] for f in record.findings if f["about"] == "ablations beyond random sets")
    assert "19 random sets reach p = 0.05 at best" in text
    assert "raise --controls" in text


def tables(changes, random):
    """Ablations of one layer a side; `changes` and `random` by side."""
    results, controls, features = [], [], []
    for i, side in enumerate(changes):
        place = {"layer": i // 2, "side": side.split()[0], "features": str(i)}
        results += [
            {**place, "change": c, "headline": True, "pair_id": f"p{n}"}
            for n, c in enumerate(changes[side])
        ]
        controls += [
            {**place, "mean_change": c, "tokens": 9, "target_size": 2.0, "size": 2.0}
            for c in random[side]
        ]
        features.append({**place, "feature": i, "token_detector": False, "without": 0.0,
                         "injected": 0.0, "natural": 1.0, "p_max_t": 0.01})  # fmt: skip
    prompts = {"role": ["select"], "read": ["last"], "pair_id": ["p"]}
    contrast = {"layer": [0, 0, 1], "feature": [0, 1, 2], "p_max_t": [0.01, 0.01, 0.5]}
    frames = {
        "ablate_results": results, "ablate_controls": controls, "ablate_features": features,
        "features_prompts": prompts, "contrast": contrast,
        "features_dictionaries": {"layer": [0, 1], "stand_in": ["", ""]},
    }  # fmt: skip
    return {name: pd.DataFrame(frame) for name, frame in frames.items()}


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    sides = ("correct", "misconception", "correct again", "misconception again")
    changes = {side: rng.normal(size=12) for side in sides}
    changes["correct"] -= 8
    changes["misconception"] += 8
    random = {side: rng.normal(size=199) for side in sides}
    study = Misconceptions(model="specimen:world")
    given = tables(changes, random)
    return summaries(given, study), given, study


def test_q_is_benjamini_and_hochbergs_over_the_ablations(made):
    rows, *_ = made
    p = np.array([row["p_random"] for row in rows])
    assert p[0] == p[1] == 1 / 200
    order = np.argsort(p)
    due = np.minimum.accumulate((p[order] * 4 / np.arange(1, 5))[::-1])[::-1]
    assert np.allclose([rows[i]["q_random"] for i in order], np.minimum(due, 1))
    assert [row["n_claimed"] for row in rows] == [1, 1, 0, 0], "as the contrast claims, not within"


def test_a_direction_is_named_only_where_the_interval_leaves_0_out(made):
    rows, given, study = made
    texts = [f.text for f in ablation_findings(rows, given, study) if f.unit == "nats"]
    for word, row, text in zip(("falls", "rises"), rows, texts, strict=False):
        assert f"{word} by {abs(row['mean_change']):.3g} nats" in text
        assert "as predicted" in text
    for row, text in zip(rows[2:], texts[2:], strict=True):
        assert row["low"] < 0 < row["high"]
        assert "in no established direction" in text
        assert "as predicted" not in text
    (overall,) = (f for f in ablation_findings(rows, given, study) if f.unit == "share")
    assert (overall.value, overall.n) == (1.0, 2)


@pytest.mark.parametrize(
    ("mean", "low", "high", "p", "due"),
    [(1.0, 0.5, 2.0, 0.01, True), (1.0, -0.1, 2.0, 0.01, False), (-1.0, 0.5, 2.0, 0.01, False),
     (-1.0, -2.0, -0.5, 0.01, True), (1.0, 0.5, 2.0, 0.2, False), (1.0, None, None, 0.01, False)],
)  # fmt: skip
def test_held_out_pairs_confirm_a_direction_with_p_and_interval(mean, low, high, p, due):
    row = {"mean": mean, "test_low": low, "test_high": high, "test_p_max_t": p}
    assert again(row, "test", 0.05) is due
