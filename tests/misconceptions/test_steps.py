"""All steps on the specimen with random directions: files as documented, everything marked."""

import json

import numpy as np
import pytest

from microtome.cli import main
from microtome.errors import RunError
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.misconceptions import Misconceptions
from microtome.studies.misconceptions.two_runs import contrast_runs

pytestmark = pytest.mark.medium
SHIPPED = 23
PAIRS = 24 + SHIPPED


@pytest.fixture(scope="module")
def record(small, tmp_path_factory):
    study = small.model_copy(update={"output_dir": tmp_path_factory.mktemp("runs")})
    return run(study, terminal=Terminal())


def jsonl(record, name):
    text = (record.path / "data" / name).read_text()
    return [json.loads(line) for line in text.splitlines()]


def data(record, name):
    return json.loads((record.path / "data" / name).read_text())


def test_every_audit_passes(record):
    assert record.audits
    assert [a["name"] for a in record.audits if not a["passed"]] == []


def test_results_follow_the_documented_form(record, small):
    lines = jsonl(record, "results.jsonl")
    assert len(lines) == 2 * PAIRS
    for line in lines:
        assert line["label"] in ("correct", "misconception")
        assert len(line["tokens"]) == len(line["logits_topk"]) <= small.max_new_tokens
        for token, top in zip(line["tokens"], line["logits_topk"], strict=True):
            assert top["token_ids"][0] == token
            assert len(top["token_ids"]) == len(top["logits"]) == 50
        assert line["log_p_correct"] <= 0
        gap = line["log_p_correct"] - line["log_p_misconception"]
        assert line["difference"] == pytest.approx(gap)


def test_the_specimen_follows_the_voice(record):
    table = record.table("prompts")
    sign = np.where(table["label"] == "correct", 1, -1)
    assert (table["difference"] * sign > 0).mean() > 0.9


def test_features_follow_the_documented_form(record, small):
    lines = jsonl(record, "features.jsonl")
    assert len(lines) == 2 * PAIRS * len(small.layers)
    for line in lines:
        values = line["topk_feature_activations"]
        assert len(line["topk_feature_ids"]) == len(values) == small.topk
        assert values == sorted(values, reverse=True)
        assert line["read"] == "last"


def test_the_report_of_differences_agrees_with_the_features(record):
    report = data(record, "diff_report.json")
    assert set(report["diffs_by_layer"]) == {"0"}
    assert len(report["all_diffs"]) == PAIRS
    tops = {(line["id"], f): a for line in jsonl(record, "features.jsonl")
            for f, a in zip(line["topk_feature_ids"], line["topk_feature_activations"],
                            strict=True)}  # fmt: skip
    seen = 0
    for diff in report["all_diffs"]:
        columns = ("diff_magnitudes", "correct_activations", "misconception_activations")
        for f, gap, one, two in zip(
            diff["top_diff_features"], *(diff[c] for c in columns), strict=True
        ):
            assert gap == pytest.approx(one - two, abs=1e-5)
            if (f"{diff['pair_id']}a", f) in tops:
                assert tops[f"{diff['pair_id']}a", f] == pytest.approx(one, abs=1e-5)
                seen += 1
    assert seen >= 5


def test_nothing_survives_when_labels_are_exchanged(record):
    table = record.table("contrast_relabelled")
    assert len(table) == 40
    assert (table["confirmed"] > 0).mean() <= 0.05


def test_ablations_have_199_controls_and_a_summary_that_adds_up(record):
    report = data(record, "ablation_report.json")
    assert {"layer", "feature_id", "results", "summary"} <= set(report)
    results, controls = record.table("ablate_results"), record.table("ablate_controls")
    for part in report["ablations"]:
        summary = part["summary"]
        own = results[(results["side"] == part["side"]) & results["headline"]]
        assert summary["mean_delta"] == pytest.approx(own["change"].mean())
        assert sum(summary[k] for k in ("decreased", "increased", "unchanged")) == len(own)
        random = controls[controls["side"] == part["side"]]
        assert len(random) == len(part["random_features"]) == 199
        predicted = summary["predicted"] * random["mean_change"]
        reached = (predicted >= summary["predicted"] * summary["mean_delta"]).sum()
        assert summary["p_random"] == pytest.approx((1 + reached) / 200)


def test_verdicts_have_three_parts_that_add_up(record, small):
    table, mistakes = record.table("verdicts"), record.table("verdicts_mistakes")
    assert 1 <= len(table) <= 2 * small.judged
    results, controls = record.table("verdicts_results"), record.table("verdicts_controls")
    for row in table.to_dict("records"):
        own, random = (
            frame[frame["features"].astype(int) == row["feature"]] for frame in (results, controls)
        )
        assert row["change"] == pytest.approx(own["change"].mean())
        assert set(own["label"]) == {row["side"]}
        assert set(own["role"]) == {"test" if row["found_by"] == "voice" else "content"}
        assert len(random) == row["n_random"] == 199
        sign = -1 if row["side"] == "correct" else 1
        reached = (sign * random["mean_change"] >= sign * row["change"]).sum()
        assert row["p_random"] == pytest.approx((1 + reached) / 200)
        assert row["p"] >= row["p_random"]
        there = mistakes[mistakes["feature"] == row["feature"]]
        assert len(there) == 6
        assert there["n"].sum() == row["inside_n"] == 12
        assert (there["value"] * there["n"]).sum() / 12 == pytest.approx(row["inside_value"])
    (counted,) = (f for f in record.findings if f["about"] == "verdicts of features")
    assert counted["answer"].startswith(f"{table['complete'].sum()} of {len(table)} judged")


def test_random_directions_are_marked_wherever_they_went(record):
    stand_in = "random orthogonal directions"
    assert stand_in in record.manifest.provenance["stand_in"]
    assert stand_in in record.folder.report.read_text()
    for name in ("diff_report.json", "ablation_report.json"):
        assert stand_in in data(record, name)["stand_in"]
    figures = {p.stem for p in (record.path / "figures").glob("*.png")}
    of_features = {name for name in figures if name != "answers_by_label"}
    assert of_features
    assert all(name.endswith("_random_dictionary") for name in of_features)
    of_steps = {f["step"] for f in record.findings}
    assert of_steps == {"prompts", "features", "contrast", "factors", "ablate", "verdicts"}
    for found in record.findings:
        times = found["answer"].count(stand_in)
        assert times == (found["step"] != "prompts"), found["answer"]


def test_every_question_is_asked_and_answered_in_few_words(record):
    asked = {question.name for question in Misconceptions.questions}
    assert 3 <= len(asked) <= 6
    assert {f["question"] for f in record.findings} == asked
    for found in record.findings:
        sentence = found["answer"].split(" The features are ")[0]
        assert len(sentence.split()) <= 25, sentence


def counted(found):
    """p, or 1 of a claim that its control or its interval rules out: docs/runs.md."""
    evidence, claim = found["evidence"], found["claim"]
    if claim["control_holds"] is False or evidence["low"] is None:
        return 1.0
    signs = [np.sign(evidence[end] - claim["null"]) for end in ("low", "high")]
    outside = signs[0] == signs[1] != 0 and claim["side"] in (0, None, signs[0])
    return found["p"] if outside else 1.0


def test_verdicts_and_q_are_of_the_run_and_in_no_unit(record):
    claims = [f for f in record.findings if f["claim"] is not None]
    assert len(claims) >= 3
    for found in record.findings:
        assert (found["verdict"] is None) == (found["claim"] is None)
    decided = [f for f in claims if f["q"] is not None]
    assert {f["verdict"] for f in claims if f["q"] is None} <= {"inconclusive", "control failed"}
    own = [counted(f) for f in decided]
    p = sorted(own)
    for found, mine in zip(decided, own, strict=True):
        due = min(len(p) * q / i for i, q in enumerate(p, start=1) if q >= mine)
        assert found["q"] == pytest.approx(min(due, 1.0))
        assert found["claim"]["least"] > 0
        assert found["claim"]["false_in"]
    for path in (record.path / "steps").glob("*.json"):
        for found in json.loads(path.read_text())["findings"]:
            assert not {"q", "verdict"} & found.keys()


def test_a_run_contrasted_with_itself_differs_nowhere(record, tmp_path):
    out = tmp_path / "own" / "diff.json"
    report = contrast_runs(record.path, record.path, out)
    assert json.loads(out.read_text()) == report
    assert report["prompts"] == 2 * PAIRS
    assert all(diff["top_diff_features"] == [] for diff in report["all_diffs"])
    told = [str(record.path), str(record.path), "--out", str(tmp_path / "told.json")]
    with pytest.raises(SystemExit) as ended:
        main(["contrast", *told])
    assert ended.value.code == 0
    assert json.loads((tmp_path / "told.json").read_text()) == report


def test_two_runs_are_contrasted_prompt_by_prompt(record, small, tmp_path):
    changes = {"output_dir": tmp_path, "read_at": "max", "against": record.path, "generated": 0}
    other = run(small.model_copy(update={**changes, "steps": ("contrast",)}), terminal=Terminal())
    report = data(other, "diff_report_against.json")
    assert report == contrast_runs(other.path, record.path, topk=small.topk)
    assert report["prompts"] == 2 * SHIPPED, "the pairs of the file are in both"
    for diff in report["all_diffs"]:
        assert all(gap >= -1e-9 for gap in diff["diff_magnitudes"]), "the largest is never less"


def test_features_of_other_directions_are_not_compared(record, small, tmp_path):
    changes = {"output_dir": tmp_path, "seed": 7, "steps": ("features",)}
    other = run(small.model_copy(update=changes), terminal=Terminal())
    with pytest.raises(RunError, match="with another dictionary"):
        contrast_runs(other.path, record.path)


def test_the_features_finding_carries_the_mean_fvu(record):
    (found,) = [f for f in record.findings if f["step"] == "features"]
    layers = record.table("features_dictionaries")
    assert found["evidence"]["value"] == pytest.approx(layers["fvu"].mean(), rel=1e-6)
    assert found["evidence"]["control"]
