"""Attribution at forks: sums that hold, controls, ablations, and files that do not fit."""

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

import microtome as mt
from microtome.errors import InputError
from microtome.lab.dry import rehearse
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.methods.branching import ablate, decide, seed
from microtome.studies import STUDIES
from microtome.studies.sampling.bifurcations import Point, demand_fit, read_bifurcations
from tests.sampling.forks import little, specimen_run

FAMILIES = ("gemma2", "gpt2", "llama", "qwen3", "gpt_neox")
PREFIX = [1, 70, 80, 90, 100, 110, 75, 85]


@pytest.fixture
def document():
    """A file of two forks, as sensitivity writes it."""
    point = {
        "problem": "mine", "t": 0, "rank": 1, "prefix_ids": [2, 407, 29, 928],
        "top1": {"id": 904, "text": " Step"}, "top2": {"id": 870, "text": " Regroup"},
    }  # fmt: skip
    later = {**point, "t": 3, "rank": 2, "prefix_ids": [2, 407, 29, 928, 904, 530, 903]}
    return {
        "schema": "microtome.bifurcation_points", "schema_version": 1,
        "model": {"name": "other", "digest": "0" * 64}, "points": [later, point],
    }  # fmt: skip


@pytest.mark.parametrize(
    "family", [pytest.param(f, marks=() if f == "gemma2" else pytest.mark.medium) for f in FAMILIES]
)
def test_parts_sum_to_the_models_own_logit_difference(checkpoint, family):
    model = mt.load(str(checkpoint(family)))
    logits = model.run([PREFIX], logits="last").final_logits[0]
    first, second = logits.topk(2).indices.tolist()
    one = decide(model, PREFIX, first, second)
    assert one.delta == pytest.approx(float(logits[first] - logits[second]), abs=1e-6)
    assert one.delta > 0
    total = float(one.attention.sum() + one.mlp.sum()) + one.embedding + one.rest
    assert total == pytest.approx(one.delta, rel=1e-4, abs=1e-5)
    assert one.audit().passed
    assert abs(one.gap) / one.mass < 1e-5
    back = decide(model, PREFIX, second, first)
    assert np.allclose(back.mlp, -one.mlp, atol=1e-5), "the other way round is the negative"


def test_the_originals_formula_is_its_readme_and_does_not_sum(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    one = decide(model, PREFIX, 70, 71)
    hidden = model.hf(input_ids=one.run.tokens.ids, output_hidden_states=True).hidden_states
    rows = model.hf.get_output_embeddings().weight
    states = [h[0, -1] for h in hidden]
    readme = [float((b - a) @ (rows[70] - rows[71])) for a, b in pairwise(states)]
    assert np.allclose(seed(one), readme, rtol=1e-4, atol=1e-5)
    assert abs(sum(readme) - one.delta) > 100 * abs(one.gap)


def test_ablating_the_last_mlp_changes_what_its_write_predicts(checkpoint):
    """Nothing follows the last MLP but the final norm: with it frozen the prediction is exact."""
    model = mt.load(str(checkpoint("gemma2")))
    one = decide(model, PREFIX, 70, 71)
    last = f"L{model.n_layers - 1}_MLP"
    found = ablate(one, last)
    writes = one.run[mt.mlp_out[-1]][0]
    final = one.run.last(mt.resid_post[-1])[0] + writes[1:].mean(0) - writes[-1]
    logits = model.unembed(final)
    assert found.observed == pytest.approx(float(logits[70] - logits[71]) - one.delta, abs=1e-4)
    norm = model.parts.final_norm
    held = float(norm.scale(one.run.last(mt.resid_post[-1])) / norm.scale(final[None]))
    uncapped = one.split.delta[0] / one.split.kappa[0]
    change = found.predicted / float(one.split.kappa[0])
    kappa = (one.delta + found.observed) / (float(uncapped + change) / held)
    assert kappa == pytest.approx(float(one.split.kappa[0]), rel=0.05), "norm aside, it is exact"


def test_a_file_is_read_in_order_of_rank(document, tmp_path):
    path = tmp_path / "points.json"
    path.write_text(json.dumps({**document, "more": 1}))
    found = read_bifurcations(path)
    assert [point.t for point in found.ranked()] == [0, 3]
    assert found.ranked()[0].top1.id == 904


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schema": "other"}, "its schema is not"),
        ({"schema_version": 2}, "schema_version"),
        ({"points": []}, "holds no fork"),
        ({"points": [{}]}, "points.0.problem"),
        ({"points": [{"problem": "a", "t": -1}]}, "points.0.t"),
        ({"points": {"a": 1}}, "points"),
    ],
)
def test_a_malformed_file_is_one_sentence(document, tmp_path, change, said):
    path = tmp_path / "points.json"
    path.write_text(json.dumps({**document, **change}))
    with pytest.raises(InputError, match=said):
        read_bifurcations(path)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("prefix_ids", [], "prefix_ids"),
        ("prefix_ids", [2, -5], "prefix_ids.1"),
        ("prefix_ids", ["two"], "prefix_ids.0"),
        ("top2", {"id": 904}, "both token 904"),
        ("top1", {"text": " Step"}, "top1.id"),
        ("rank", 0, "rank"),
    ],
)
def test_a_malformed_point_is_one_sentence(document, tmp_path, field, value, said):
    document["points"][0][field] = value
    path = tmp_path / "points.json"
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=said):
        read_bifurcations(path)


def test_what_is_no_file_or_no_json_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_bifurcations(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="cannot be read"):
        read_bifurcations(tmp_path)
    (tmp_path / "text.json").write_text("no json")
    with pytest.raises(InputError, match="damaged"):
        read_bifurcations(tmp_path / "text.json")


def test_points_of_another_model_are_refused(document):
    point = Point.model_validate(document["points"][0])
    demand_fit(point, vocabulary=929, room=7)
    with pytest.raises(InputError, match="token id 928 and this model's vocabulary has 928"):
        demand_fit(point, vocabulary=928, room=7)
    with pytest.raises(InputError, match="prefix of 7 tokens and this model takes 6"):
        demand_fit(point, vocabulary=929, room=6)


@pytest.fixture
def refused(tmp_path, sentence_of, monkeypatch):
    """Runs the study through the command line and gives back the sentence it ends with."""
    monkeypatch.setitem(STUDIES, "sampling", "microtome.studies.sampling:Sampling")

    def call(*flags):
        arguments = ["run", "sampling", "--model", "specimen:world", *DEMO]
        return sentence_of(*arguments, "--output-dir", str(tmp_path / "runs"), *flags)

    return call


DEMO = (
    "--stride", "4", "--checkpoints", "8,16", "--max-new-tokens", "32", "--branch-tokens", "16",
    "--n-problems", "2",
)  # fmt: skip


def test_attribution_without_forks_says_what_to_do(refused):
    assert "do --steps sensitivity,attribution" in refused("--steps", "6")


def test_bad_files_and_flags_through_the_command_line(refused, document, tmp_path):
    path = tmp_path / "points.json"
    document["points"][1]["top2"] = {"id": 99999}
    path.write_text(json.dumps(document))
    said = refused("--steps", "attribution", "--bifurcations", str(path))
    assert "token id 99999" in said
    assert "nowhere.json does not exist" in refused(
        "--steps", "6", "--bifurcations", "nowhere.json"
    )
    assert "interval" in refused("--steps", "5", "--interval", "0")
    said = refused("--rank-forks", "relative", "--continuations", "1")
    assert "raise continuations" in said
    assert "branch" in refused("--steps", "5", "--rank-forks", "luck").replace(
        "rank_forks", "branch"
    )


@pytest.mark.medium
def test_a_file_made_elsewhere_is_taken_and_its_origin_said(document, tmp_path):
    path = tmp_path / "points.json"
    path.write_text(json.dumps(document))
    study = little(tmp_path / "runs", steps=("attribution",), bifurcations=path)
    done = run(study, terminal=Terminal())
    (origin,) = [a for a in done.audits if a["name"] == "bifurcation points of another model"]
    assert not origin["passed"]
    assert "other" in origin["note"]
    forks = pd.read_parquet(done.path / "tables" / "attribution_forks.parquet")
    assert set(forks["t"]) == {0, 3}
    assert set(forks["condition"]) == {"fork", "same pair elsewhere", "random pair"}


@pytest.fixture(scope="module")
def done():
    return specimen_run()


@pytest.mark.medium
def test_tables_sum_to_the_difference_at_every_fork(done):
    parts = pd.read_parquet(done.path / "tables" / "attribution_forks.parquet")
    own = parts[parts["condition"] == "fork"]
    for _, rows in own.groupby(["problem", "t"]):
        size = rows["contribution"].abs().sum()
        assert abs(rows["contribution"].sum() - rows["delta"].iloc[0]) / size < 1e-4
    forks = pd.read_parquet(done.path / "tables" / "forks.parquet").set_index(["problem", "t"])
    delta = own.groupby(["problem", "t"])["delta"].first()
    assert np.allclose(delta, forks["logit_difference"].reindex(delta.index), atol=1e-4)
    audits = [a for a in done.audits if a["step"] == "attribution"]
    assert all(a["passed"] for a in audits), audits


@pytest.mark.medium
def test_the_top_component_of_a_fork_does_more_than_its_contribution_by_chance(done):
    rows = pd.read_parquet(done.path / "tables" / "attribution_ablations.parquet")
    top = rows[rows["role"] == "top"]
    assert (np.sign(top["predicted"]) == np.sign(top["observed"])).mean() > 0.5
    assert top["observed"].abs().mean() > 0.5 * top["predicted"].abs().mean()


@pytest.mark.medium
def test_the_originals_gap_is_shown_and_ours_is_none(done):
    (found,) = [f for f in done.findings if f["about"] == "gap of the original's formula"]
    assert found["evidence"]["value"] > 0.5
    layers = pd.read_parquet(done.path / "tables" / "attribution_layers.parquet")
    own = layers[layers["condition"] == "fork"]
    assert own["gap"].abs().max() < 1e-4
    assert own["seed"].notna().all()
    assert layers[layers["condition"] == "random pair"]["seed"].isna().all()


@pytest.mark.medium
def test_a_rehearsal_of_attribution_alone_takes_the_forks_of_the_run(done, tmp_path):
    home = done.path.parent.parent
    study = little(home, formula="seed", steps=("attribution",))
    rehearsed = rehearse(study, terminal=Terminal())
    assert rehearsed.units == {"attribution": 3}
    assert rehearsed.record.manifest.dry_run
    assert any(f["about"] == "layer that writes most at forks" for f in rehearsed.record.findings)
    with pytest.raises(InputError, match="do --steps sensitivity,attribution"):
        rehearse(study.model_copy(update={"output_dir": tmp_path}), terminal=Terminal())
