"""Variance on the specimen: only those alive count, and the numbers are those of whole passes."""

import numpy as np
import pytest

import microtome as mt
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.methods import latents
from microtome.studies.sampling.problem_set import problems_of, prompt_of
from tests.sampling.little import little, specimen_record, table

pytestmark = pytest.mark.medium


def test_greedy_is_one_completion_and_says_so():
    rows = table("variance")
    cold = rows[rows["temperature"] == 0]
    assert set(cold["n"]) <= {0, 1}
    assert cold["tr_cov"].isna().all()
    assert cold["note"].str.contains("deterministic").all()


def test_only_completions_that_reach_a_checkpoint_count():
    rows, texts = table("variance"), table("completions")
    hot = rows[rows["temperature"] == 1]
    lengths = texts[texts["temperature"] == 1].groupby("problem")["tokens"]
    for row in hot.to_dict("records"):
        own = lengths.get_group(row["problem"])
        assert row["n"] == int((own >= row["checkpoint"]).sum())
        assert np.isnan(row["tr_cov"]) == (row["n"] < 4)
    assert set(hot["n"]) != {12}, "some completions are shorter than 40 tokens"
    assert hot[hot["n"] < 4]["note"].str.contains("fewer than 4").all()


def test_numbers_are_those_of_whole_passes(tmp_path):
    """The table's tr Cov from the tokens alone: one ordinary forward per completion."""
    study, model = little(tmp_path), mt.load("specimen:world")
    texts, rows = table("completions"), table("variance")
    problem = problems_of(study)[0]
    prompt = model.tokenize(prompt_of(problem, study)).ids[0].tolist()
    own = texts[(texts["temperature"] == 1) & (texts["problem"] == problem.id)]
    states = []
    for text in own["text"]:
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        if len(ids) < 18:
            continue
        done = model.run([[*prompt, *ids]], read=mt.resid_post[2])
        states.append(done[mt.resid_post[2]][0, len(prompt) + 2 : len(prompt) + 18 : 3].double())
    z = np.stack([state.mean(0).numpy() for state in states])[None]
    here = rows[(rows["problem"] == problem.id) & (rows["temperature"] == 1)]
    row = here[(here["checkpoint"] == 18) & (here["layer"] == 2)].iloc[0]
    assert row["n"] == z.shape[1]
    assert row["tr_cov"] == pytest.approx(latents.total_variance(z).value[0], rel=1e-3)
    assert row["effective_rank"] == pytest.approx(latents.effective_rank(z)[0], rel=1e-3)


def test_means_over_problems_carry_a_control_and_no_interval_of_three():
    rows = table("variance_by_setting")
    known = rows[rows["problems"] > 1]
    alive = table("variance").dropna(subset="tr_cov")
    alive = alive.groupby(["temperature", "checkpoint", "layer"]).size()
    assert len(known) == (alive > 1).sum() >= 10
    assert known["tr_cov_low"].isna().all(), "three problems are too few for an unbounded mean"
    assert known["tr_cov_n"].tolist() == known["problems"].tolist()
    assert known["problems"].max() == 3
    texts = [finding["evidence"]["detail"] for finding in specimen_record().findings]
    assert any("No interval: 3 clusters only, 4 are needed" in text for text in texts)
    assert known["share_within"].between(0, 1).all()
    assert "control_relative" in known
    first = known[(known["checkpoint"] == 6)].set_index("layer")["tr_cov"]
    later = known[(known["checkpoint"] == 18)].set_index("layer")["tr_cov"]
    assert (later < first).all(), "pooling more tokens leaves less of their scatter"


def test_every_finding_has_a_control_or_says_why_not():
    for finding in specimen_record().findings:
        assert finding["evidence"]["control"], finding["answer"]
        assert finding["evidence"]["n"], finding["answer"]


def test_temperature_zero_alone_has_nothing_to_spread(tmp_path):
    study = little(tmp_path, temperatures=(0.0,), n_problems=2, steps=("variance",))
    record = run(study, terminal=Terminal())
    (finding,) = record.findings
    assert "deterministic" in finding["answer"]
    assert finding["evidence"]["value"] is None
    assert record.table("variance_by_setting").empty
