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
STRANGE = "A wolf is an animal, and a rose is a plant, and a piano is an instrument."


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


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """`manifold` where two oracles are completions of their problems, and the third is no sum."""
    folder = tmp_path_factory.mktemp("planted")
    texts = table("completions")
    hot = texts[(texts["temperature"] == 1) & texts["finished"]].set_index(["problem", "sample"])
    told = hot.groupby("problem", sort=False)["text"].first().to_dict()
    told[list(told)[2]] = STRANGE
    path = folder / "oracle.jsonl"
    path.write_text("\n".join(json.dumps({"id": i, "text": t}) for i, t in told.items()))
    record = run(little(folder, oracle_file=path, steps=("manifold",)), terminal=Terminal())
    return record, hot["text"], told


def test_a_completion_that_is_the_oracles_text_lies_on_it(planted):
    record, text, told = planted
    rows = record.table("manifold").set_index(["problem", "sample"])
    rows = rows.loc[rows.index.isin(text.index)]
    same = np.array([text[place] == told[place[0]] for place in rows.index])
    assert ((rows["distance"] < 1e-3) == same).all()
    lying = rows[same].index.get_level_values("problem")
    assert set(lying) == {problem for problem, said in told.items() if said != STRANGE}
    assert not same.all()


def test_an_oracle_that_is_no_sum_is_farther_than_another_completion(planted):
    """As the control of the problem that takes it for one, and as the oracle of its own problem."""
    record, _, told = planted
    other = record.table("oracles").set_index("problem")["other"]
    mean = (
        record.table("manifold")
        .groupby(["problem", "layer"])[["relative", "relative_control", "percentile_control"]]
        .mean()
    )
    strange = next(problem for problem, said in told.items() if said == STRANGE)
    (misled,) = other[other == strange].index
    own, taken = mean.loc[strange], mean.loc[misled]
    assert (own["relative"] > 1.2 * own["relative_control"]).all()
    assert (taken["relative_control"] > 1.2 * taken["relative"]).all()
    assert (taken["percentile_control"] > 0.9).all()


def test_distances_by_layer_are_means_over_problems():
    rows, means = table("manifold"), table("manifold_by_layer").set_index("layer")
    names = ["relative", "relative_control", "percentile", "percentile_control"]
    by_hand = rows.groupby(["layer", "problem"])[names].mean().groupby("layer").mean()
    for name in ("relative", "relative_control", "percentile"):
        assert means[name].tolist() == pytest.approx(by_hand[name].tolist())
    apart = by_hand["relative_control"] - by_hand["relative"]
    assert means["control_minus_own"].tolist() == pytest.approx(apart.tolist())
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
    short = " ".join(second.solution.split()[:4])
    told = {first.id: " ".join([first.solution] * 2), second.id: short}
    path.write_text("\n".join(json.dumps({"id": i, "text": t}) for i, t in told.items()))
    fields = {"n_problems": 2, "steps": ("drift",)}
    study = little(tmp_path, oracle_file=path, max_new_tokens=110, **fields)
    rows = run(study, terminal=Terminal()).table("drift")
    prefix = rows[rows["problem"] == first.id].groupby("arm")["prefix"].first()
    assert prefix["control"] < prefix["forced"] == prefix["unforced"]


def test_oracle_texts_come_from_a_file(tmp_path):
    first, second = problems_of(little(tmp_path, n_problems=2))
    texts = {first.id: "Seven.", second.id: "Twenty-eight."}
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
