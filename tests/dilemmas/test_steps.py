"""The steps on a tiny random Gemma-2 agree with each other and with transformers.

What one step says is checked against another that gets there by other means, and against plain
Hugging Face forward passes.
"""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

import microtome as mt
from microtome.studies.dilemmas.consistency import consistency
from microtome.studies.dilemmas.models import batches, load_models
from microtome.studies.dilemmas.wordings import prompts_of
from tests.dilemmas.conftest import SCENARIOS
from tests.dilemmas.plain import signed_share

pytestmark = pytest.mark.medium
PLACE = ["model", "scenario", "variant"]
N_LAYERS, N_HEADS = 3, 4


def _table(record, name):
    return pd.read_parquet(record.path / "tables" / f"{name}.parquet")


def _audits(record):
    found = json.loads((record.path / "findings.json").read_text())
    return [(step["step"], audit) for step in found["steps"] for audit in step["audits"]]


def test_every_audit_of_the_engine_is_there_and_passes(finished):
    audits = _audits(finished)
    names = " ".join(audit["name"] for _, audit in audits)
    for due in ("completeness", "per layer", "lens = the model's", "self-patch", "full patch"):
        assert due in names
    assert all(audit["passed"] for _, audit in audits)


def test_behaviour_equals_plain_transformers(finished, zoo):
    tokenizer = AutoTokenizer.from_pretrained(zoo.model)
    base = AutoModelForCausalLM.from_pretrained(zoo.model).eval()
    tuned = PeftModel.from_pretrained(base, zoo.adapters / "PT2_COREDe").eval()
    study = zoo.study()

    rows = _table(finished, "behaviour").set_index(PLACE)
    for scenario, prompts in prompts_of(study).items():
        ids = tokenizer(prompts[0].prompt + " action", return_tensors="pt")["input_ids"]
        one, two = tokenizer.convert_tokens_to_ids(["1", "2"])
        with torch.no_grad():
            p = tuned(ids).logits[0].double().softmax(-1)
        found = rows.loc[("PT2_COREDe", scenario, 1)]
        assert found["p_cooperate"] == pytest.approx(float(p[-1, one]), rel=1e-4)
        assert found["p_defect"] == pytest.approx(float(p[-1, two]), rel=1e-4)
        assert found["p_common_prefix"] == pytest.approx(float(p[-2, ids[0, -1]]), rel=1e-4)


def test_probabilities_sum_to_one_and_give_delta(finished):
    rows = _table(finished, "behaviour")
    assert np.allclose(rows["p_cooperate"] + rows["p_defect"] + rows["p_neither"], 1, atol=1e-6)
    assert np.allclose(np.log(rows["p_defect"] / rows["p_cooperate"]), rows["delta"], atol=1e-4)
    assert (rows["action"] == np.where(rows["delta"] > 0, "defect", "cooperate")).all()


def test_the_lens_ends_where_behaviour_is(finished):
    own = _table(finished, "behaviour").set_index(PLACE)["delta"]
    lens = _table(finished, "lens_statistics").set_index(PLACE)
    assert np.allclose(lens["final_delta"], own.loc[lens.index], atol=1e-4)
    assert (lens["cooperate_layers"] + lens["defect_layers"] == N_LAYERS).all()


def test_flips_are_changes_of_sign(finished):
    lens = _table(finished, "lens_statistics").set_index(PLACE)
    trajectories = _table(finished, "lens_trajectories")
    assert lens["n_flips"].sum() > 0, "a random model changes its mind somewhere"
    for place, part in trajectories.groupby(PLACE):
        sign = part.sort_values("layer")["delta"].to_numpy() > 0
        flips = [layer for layer in range(1, N_LAYERS) if sign[layer] != sign[layer - 1]]
        assert lens.loc[place, "flip_layers"] == " ".join(map(str, flips))
        assert lens.loc[place, "settles_at"] == (flips[-1] if flips else 0)


def test_attributions_sum_to_delta(finished):
    full = _table(finished, "attribution_full")
    own = _table(finished, "behaviour").set_index(PLACE)["delta"]
    total = full.groupby(PLACE)["contribution"].sum()
    assert np.allclose(total, own.loc[total.index], atol=1e-4)
    per_prompt = full.groupby(PLACE)["component"].count()
    assert (per_prompt == N_LAYERS * (N_HEADS + 2) + 3).all()


def test_rankings_follow_the_means(finished):
    top = _table(finished, "attribution_top")
    means = _table(finished, "attribution_full").groupby(["model", "component"])["contribution"]
    for (_, side), part in top.groupby(["model", "side"]):
        values = part.sort_values("rank")["contribution"]
        assert (values > 0).all() if side == "pro_defect" else (values < 0).all()
        assert values.abs().is_monotonic_decreasing
    row = top.iloc[0]
    assert row["contribution"] == pytest.approx(means.mean()[(row["model"], row["component"])])


def test_differences_blame_the_changed_mlp_first(finished):
    """MLP1 is base with another second MLP: no part below it may change."""
    rows = _table(finished, "attribution_differences")
    rows = rows[(rows["source"] == "base") & (rows["target"] == "MLP1")].set_index("component")
    below = [c for c in rows.index if c.startswith(("L0H", "L0_", "L1H"))]
    norm = rows["source_mean"].abs().max()
    assert rows.loc["L1_MLP", "difference"] != pytest.approx(0, abs=1e-3)
    assert abs(rows.loc["L1_MLP", "difference"]) > rows.loc[below, "difference"].abs().max()
    means = _table(finished, "attribution_full").groupby(["model", "component"])["contribution"]
    gap = means.mean()["MLP1"]["L1_MLP"] - means.mean()["base"]["L1_MLP"]
    assert rows.loc["L1_MLP", "difference"] == pytest.approx(gap, abs=1e-5 * max(1, norm))


def test_patching_starts_from_the_receiver_and_knows_the_donor(finished):
    own = _table(finished, "behaviour").set_index(PLACE)["delta"]
    results = _table(finished, "patching_results")
    for role, column in (("target", "baseline_delta"), ("source", "donor_delta")):
        index = pd.MultiIndex.from_frame(results[[role, "scenario", "variant"]])
        assert np.allclose(results[column], own.loc[index], atol=1e-4)
    change = results["patched_delta"] - results["baseline_delta"]
    assert np.allclose(results["delta_change"], change)
    flipped = (results["patched_delta"] > 0) != (results["baseline_delta"] > 0)
    assert (results["action_flipped"] == flipped).all()
    small = results["baseline_delta"].abs() < 0.1
    assert results.loc[small, "effect_size"].isna().all()
    assert results.loc[~small, "effect_size"].notna().all()


def test_a_patched_head_equals_a_full_forward_with_that_head(finished, zoo):

    study = zoo.study()
    models = load_models(study)
    source, target = models["PT2_COREDe"], models["PT3_COREDe"]
    prompt = prompts_of(study)["CD_punished"][1]
    (batch,) = batches(target, [prompt], study)
    donor = source.run(batch.ids, read=mt.head_out[:, :])
    edit = mt.Replace(mt.head_out[1, 2], donor)
    logits = target.run(batch.ids, write=edit).final_logits[0]
    expected = float(logits[batch.answers[0].second] - logits[batch.answers[0].first])
    results = _table(finished, "patching_results").set_index(
        ["source", "target", "scenario", "variant", "component"]
    )
    found = results.loc[("PT2_COREDe", "PT3_COREDe", "CD_punished", 2, "L1H2")]
    assert found["patched_delta"] == pytest.approx(expected, abs=1e-4)
    assert abs(found["delta_change"]) > 1e-3


def test_unrelated_tokens_are_read_from_the_same_patches(finished):
    results = _table(finished, "patching_results")
    assert (results["unrelated_rms"] >= 0).all()
    twins, others = (results[(results["source"] == "TWIN") == same] for same in (True, False))
    assert twins["unrelated_rms"].max() < 1e-5
    assert others["unrelated_rms"].median() > 1e-3


def test_the_whole_residual_stream_closes_the_whole_gap(finished):
    summary = _table(finished, "patching_summary").set_index(["source", "target", "component"])
    for pair in (("PT2_COREDe", "PT3_COREDe"), ("MLP1", "base")):
        assert summary.loc[(*pair, "L2_resid_post"), "normalised"] == pytest.approx(1, abs=1e-4)


def test_a_planted_cause_is_found_and_nothing_above_it_is_blamed(finished):
    """MLP1 differs from base in the second layer's MLP only: it alone closes the gap."""
    rows = _table(finished, "patching_summary")
    rows = rows[(rows["source"] == "MLP1") & (rows["target"] == "base")].set_index("component")
    assert abs(rows.loc["L1_MLP", "mean_delta_change"]) > 0.05
    assert rows.loc["L1_MLP", "normalised"] == pytest.approx(1, abs=1e-3)
    before = [c for c in rows.index if c.startswith(("L0", "L1H", "L1_ATTN"))]
    assert rows.loc[before, "mean_delta_change"].abs().max() < 1e-5


def test_equal_adapters_give_no_effect_and_no_claim(finished):
    results = _table(finished, "patching_results")
    twins = results[results["source"] == "TWIN"]
    assert twins["delta_change"].abs().max() < 1e-5
    assert not twins["action_flipped"].any()
    summary = _table(finished, "patching_summary")
    assert summary[summary["source"] == "TWIN"]["normalised"].isna().all()
    across = _table(finished, "cross_experiment_summary").set_index("source")
    assert across.loc["TWIN", "actions_differ"] == 0
    assert across.loc["TWIN", "n_flipping"] == 0


def test_the_circuit_holds_what_can_differ_and_nothing_to_spare(finished):
    """MLP1 and base are equal up to the second layer's MLP: nothing before it can be needed."""
    members = _table(finished, "circuits")
    members = members[(members["source"] == "MLP1") & (members["target"] == "base")]
    allowed = {"L1_MLP", "L2_MLP", "L2H0", "L2H1", "L2H2", "L2H3"}
    assert "L1_MLP" in set(members["component"]) <= allowed
    line = _table(finished, "circuits_summary").set_index(["source", "target"]).loc["MLP1", "base"]
    assert line["found"]
    assert line["searched_f"] >= 0.9
    assert line["n_held_out"] == 2 * len(SCENARIOS)


def test_a_circuit_is_assessed_on_wordings_it_was_not_found_on(finished, zoo):
    """The held-out share again, by one full forward with everything else replaced."""
    table = _table(finished, "circuits")
    members = set(table[(table["source"] == "MLP1") & (table["target"] == "base")]["component"])
    line = _table(finished, "circuits_summary").set_index(["source", "target"]).loc["MLP1", "base"]
    study = zoo.study()
    models = load_models(study)
    source, target = models["MLP1"], models["base"]
    sites = [s for k in (mt.head_out[:, :], mt.mlp_out[:]) for s in k.expand(source.parts.sizes)]
    moved, gap = [], []
    for prompt in (p for ps in prompts_of(study).values() for p in ps[1:]):
        (batch,) = batches(source, [prompt], study)
        donor = target.run(batch.ids, read=sites)
        edits = [mt.Replace(s, donor) for s in sites if s.component not in members]
        runs = [source.run(batch.ids, write=edits), donor, source.run(batch.ids)]
        plus, minus = batch.direction.tokens
        some, none, all_ = (float(r.final_logits[0, plus] - r.final_logits[0, minus]) for r in runs)
        moved.append(some - none)
        gap.append(all_ - none)
    assert line["faithfulness"] == pytest.approx(signed_share(moved, gap), abs=1e-3)
    rows = _table(finished, "circuits_held_out")
    rows = rows[(rows["source"] == "MLP1") & (rows["target"] == "base")]
    assert rows["gap"].tolist() == pytest.approx(gap, abs=1e-4)
    assert rows["effect"].tolist() == pytest.approx(moved, abs=1e-4)


def test_equal_models_have_no_circuit(finished):
    line = _table(finished, "circuits_summary").set_index("source").loc["TWIN"]
    assert not line["found"]
    assert line["n_members"] == 0
    found = json.loads((finished.path / "findings.json").read_text())
    texts = [f["answer"] for step in found["steps"] for f in step["findings"]]
    assert any("too little to look for" in text for text in texts)


def test_two_scenarios_allow_no_claim_by_flipped_signs(finished):
    across = _table(finished, "cross_experiment_summary")
    assert (across["undecided"] == "2 clusters; testing for a mean of 0 takes 6").all()
    assert across["n_nonzero"].isna().all()
    assert across["gap_low"].isna().all()
    assert not across["top_settled"].any()


def test_a_random_model_gives_neither_answer_so_none_is_counted(finished):
    results = _table(finished, "patching_results")
    assert (results[["baseline_neither", "donor_neither"]] > 0.5).all(axis=None)
    assert _table(finished, "patching_consistency")["prompts_flipped"].sum() == 0
    across = _table(finished, "cross_experiment_summary")
    assert (across["actions_differ"] == 0).all()
    assert (across["n_silent"] == across["n_prompts"]).all()


def test_consistency_counts_flipped_scenarios(finished, zoo):
    results = _table(finished, "patching_results")
    counted = consistency(results, zoo.study(silent_above=0.9999))
    table = pd.DataFrame(counted).set_index(["source", "target", "component"])
    assert table["prompts_flipped"].sum() > 0
    for place, part in results.groupby(["source", "target", "component"]):
        clear = part[part["baseline_delta"].abs() >= 0.1]
        flipped = [g["action_flipped"].mean() > 0.5 for _, g in clear.groupby("scenario")]
        assert table.loc[place, "prompts_flipped"] == clear["action_flipped"].sum()
        assert table.loc[place, "flipped_anywhere"] == part["action_flipped"].sum()
        assert table.loc[place, "scenarios_flipped"] == sum(flipped)
        if flipped:
            assert table.loc[place, "consistency"] == pytest.approx(np.mean(flipped))


def test_figures_of_every_step_are_drawn_with_the_data_behind_them(finished):
    names = {path.stem for path in (finished.path / "figures").glob("*.png")}
    due = {"behaviour_p_defect", "logit_lens_grid", "final_preferences_heatmap"}
    due |= {"cross_experiment_summary", "dla_top_components_base", "patch_residual_stream"}
    due |= {"patch_top_components_PT2_COREDe_to_PT3_COREDe"}
    for scenario in SCENARIOS:
        due |= {f"logit_lens_comparison_{scenario}", f"dla_heads_{scenario}"}
        due |= {f"dla_mlps_{scenario}", f"patch_heatmap_{scenario}"}
    assert due <= names
    for name in due:
        assert (finished.path / "figures" / f"{name}.svg").stat().st_size > 1000
        assert len((finished.path / "figures" / f"{name}.csv").read_text().splitlines()) > 1


def test_findings_are_sentences_with_numbers_and_sizes(finished):
    found = json.loads((finished.path / "findings.json").read_text())
    sentences = [f for step in found["steps"] for f in step["findings"]]
    assert {step["step"] for step in found["steps"] if step["findings"]} == {
        "behaviour", "lens", "attribution", "patching", "circuits", "comparison",
    }  # fmt: skip
    assert all(f["answer"].endswith(".") and f["evidence"]["n"] for f in sentences)
    for step in found["steps"]:
        names = [(f["about"], f["evidence"]["unit"]) for f in step["findings"]]
        assert len(set(names)) == len(names), "two runs can be compared finding by finding"


def test_trajectories_are_data_by_model_scenario_and_variant(finished):
    data = json.loads((finished.path / "data" / "trajectories.json").read_text())
    assert len(data["PT2_COREDe"]["CD_punished"]["2"]) == N_LAYERS


def test_the_prompts_of_a_run_are_among_its_data(finished):
    prompts = json.loads((finished.path / "data" / "ipd_eval_prompts.json").read_text())
    found = _table(finished, "behaviour")[["scenario", "variant", "state"]].drop_duplicates()
    assert [(p["scenario"], p["variant"]) for p in prompts] == [
        (scenario, variant) for scenario, variant, _ in found.itertuples(index=False)
    ]
    assert all(p["prompt"] and p["state_self"] for p in prompts)
