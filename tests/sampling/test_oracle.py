"""Manifold and drift: z* by hand, the oracle's beginning brings closer, another's does not."""

import json

import numpy as np
import pytest

import microtome as mt
from microtome.data.problems import Problem
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.drawing import pooling_of
from microtome.studies.sampling.drift import _Drifting
from microtome.studies.sampling.manifold import oracle_latents
from microtome.studies.sampling.oracle import oracle_ids, oracle_text
from microtome.studies.sampling.problem_set import problems_of, prompt_of
from tests.data.faulty import faulty, says
from tests.sampling.little import little, table

pytestmark = pytest.mark.medium


@pytest.fixture(scope="module")
def model():
    return mt.load("specimen:world")


def test_z_star_is_the_mean_state_over_the_oracles_tokens(model, tmp_path):
    study = little(tmp_path)
    problem = problems_of(study)[0]
    text = oracle_text(problem, study)
    z = oracle_latents(model, problem, [text], study, pooling_of(study, "manifold", [56]), 56)
    ids = oracle_ids(model, problem, text, study)
    assert model.tokenizer.decode(list(ids)) == text
    prompt = model.tokenize(prompt_of(problem, study)).ids[0].tolist()
    run = model.run([[*prompt, *ids]], read=mt.resid_post[:])
    pooled = run[mt.resid_post[:]][:, 0, len(prompt) :][:, 2::3].double().mean(1).numpy()
    np.testing.assert_allclose(z[0], pooled, atol=1e-4)


def test_an_oracle_is_cut_where_completions_are(model, tmp_path):
    study = little(tmp_path)
    problem = problems_of(study)[0]
    text = oracle_text(problem, study)
    whole = oracle_ids(model, problem, text, study)
    assert len(whole) > 9
    assert oracle_ids(model, problem, text, little(tmp_path, max_new_tokens=9)) == whole[:9]


def test_a_completion_that_is_the_oracles_text_lies_on_it():
    rows, texts, oracles = table("manifold"), table("completions"), table("oracles")
    hot = texts[texts["temperature"] == 1].set_index(["problem", "sample"])["text"]
    same = {
        (row["problem"], i)
        for row in oracles.to_dict("records")
        for i in range(12)
        if hot.loc[(row["problem"], i)].strip() == row["text"].strip()
    }
    assert same, "the specimen writes some oracle's text by itself"
    for row in rows.to_dict("records"):
        zero = row["distance"] < 1e-3
        assert zero == ((row["problem"], row["sample"]) in same)


def test_another_problems_oracle_is_farther():
    means = table("manifold_by_layer")
    assert (means["relative_control"] > means["relative"]).all()
    assert means["percentile"].between(0, 1).all()


def test_the_oracles_beginning_brings_closer_and_anothers_does_not():
    rows = table("drift_by_layer")
    assert (rows["forced"] < rows["unforced"]).all()
    assert (rows["forced_change"] < rows["control_change"]).all()
    assert (rows["control"] > 2 * rows["forced"]).all()


def test_what_is_not_forced_is_compared_over_the_same_tokens(model, tmp_path):
    """The unforced arm, from the states of one completion after the cut."""
    study = little(tmp_path)
    problem = problems_of(study)[0]
    rows = table("drift")
    own = rows[(rows["problem"] == problem.id) & (rows["arm"] == "unforced") & (rows["layer"] == 2)]
    texts = table("completions")
    hot = texts[(texts["temperature"] == 1) & (texts["problem"] == problem.id)]
    prompt = model.tokenize(prompt_of(problem, study)).ids[0].tolist()
    cut, found = int(own["prefix"].iloc[0]), []
    oracle = oracle_ids(model, problem, oracle_text(problem, study), study)

    def after(ids):
        run = model.run([[*prompt, *ids]], read=mt.resid_post[2])
        return run[mt.resid_post[2]][0, len(prompt) + cut :][2::3].double().mean(0).numpy()

    for row in own.to_dict("records"):
        text = hot[hot["sample"] == row["sample"]]["text"].iloc[0]
        ids = model.tokenizer(text, add_special_tokens=False)["input_ids"]
        found.append(np.linalg.norm(after(ids) - after(oracle)))
    np.testing.assert_allclose(own["distance"], found, atol=1e-2)


def test_what_is_forced_grows_as_long_as_what_is_not(model, tmp_path):
    study = little(tmp_path, max_new_tokens=30)
    work = _Drifting(model, problems_of(study)[0], study)
    ids = oracle_ids(model, work.problem, oracle_text(work.problem, study), study)
    free, forced = work._sampled(()), work._sampled(ids[:12])
    assert max(free.lengths) == 30, "cut off, or this shows nothing"
    assert max(forced.lengths) == 30 - 12


def test_a_short_oracle_of_another_problem_leaves_something_to_go_on_with(tmp_path):
    first, second = problems_of(little(tmp_path, n_problems=2))
    path = tmp_path / "oracle.jsonl"
    told = {first.id: " ".join([first.solution] * 2), second.id: second.solution}
    path.write_text("\n".join(json.dumps({"id": i, "text": t}) for i, t in told.items()))
    fields = {"n_problems": 2, "steps": ("drift",)}
    study = little(tmp_path, oracle_file=path, max_new_tokens=110, **fields)
    rows = run(study, terminal=Terminal()).table("drift")
    prefix = rows[rows["problem"] == first.id].groupby("arm")["prefix"].first()
    assert prefix["control"] < prefix["forced"] == prefix["unforced"]


def test_oracle_texts_come_from_a_file(tmp_path):
    texts = {"7+12-12": "Seven.", "15+8+5": "Twenty-eight."}
    path = tmp_path / "oracle.jsonl"
    path.write_text("\n".join(json.dumps({"id": k, "text": v}) for k, v in texts.items()))
    study = little(tmp_path, n_problems=2, oracle_file=path)
    assert [oracle_text(p, study) for p in problems_of(study)] == [" Seven.", " Twenty-eight."]


def test_a_stronger_model_writes_the_oracle_once(tmp_path):
    study = little(tmp_path, oracle_model="specimen:world")
    problem = problems_of(study)[0]
    text = oracle_text(problem, study)
    assert f"\\boxed{{{problem.answer}}}" in text
    (kept,) = (tmp_path / ".answers").glob("*.json")
    content = json.loads(kept.read_text())
    kept.write_text(json.dumps({**content, "text": "as it was kept"}))
    assert oracle_text(problem, study) == " as it was kept"


def test_a_server_writes_the_oracle(tmp_path):
    problem = Problem("a", "What is 2 + 2?", "4")
    with faulty(says(lambda request: f"Said of {request['messages'][-1]['content']}")) as server:
        study = Sampling(
            model="specimen:world", output_dir=tmp_path, oracle_model="big", oracle_url=server.url
        )
        for _ in range(2):
            assert oracle_text(problem, study) == " Said of What is 2 + 2?"
        assert len(server.requests) == 1
        assert server.requests[0]["model"] == "big"
