"""The original's config.yaml is read as it is; every wrong field is one sentence."""

import pytest

from microtome.errors import ConfigError
from microtome.files import load_yaml
from microtome.lab.config import configure
from microtome.studies.sampling import Sampling
from microtome.studies.sampling.problem_set import grader_of

ORIGINAL = """
variance_layers: [0, 4]
latent_sampling_stride: 16
model:
  model_name_or_path: gpt2
  device: cpu
variance_exp:
  temperatures: [0.0, 1.0]
  token_checkpoints: [128, 256]
  max_new_tokens: 256
manifold_exp:
  oracle_percentage: 0.25
sensitivity_exp:
  bifurcation_step_interval: 16
  lookahead_tokens: 2
  max_new_tokens: 48
  latent_sampling_stride: 4
attribution_exp:
  top_n_points: 7
clustering:
  enabled: true
  n_clusters: 4
  judge_model: some/judge
  judge_enabled: false
  max_new_tokens: 900
"""


def read(tmp_path, text, **flags):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return configure(Sampling, load_yaml(path), flags)


def test_the_originals_sections_are_fields(tmp_path):
    study = read(tmp_path, ORIGINAL)
    told = {
        "model": "gpt2", "device": "cpu", "layers": (0, 4), "stride": 16,
        "temperatures": (0.0, 1.0), "checkpoints": (128, 256), "max_new_tokens": 256,
        "oracle_percentage": 0.25, "interval": 16, "lookahead_tokens": 2, "branch_tokens": 48,
        "sensitivity_stride": 4, "top_n_points": 7, "cluster": True, "n_clusters": 4,
        "judge_model": "some/judge", "judge_enabled": False, "cluster_tokens": 900,
    }  # fmt: skip
    assert {name: getattr(study, name) for name in told} == told
    assert study.stride_of("sensitivity") == 4
    assert study.stride_of("clusters") == 16


def test_defaults_are_the_originals():
    study = Sampling(model="gpt2")
    told = {
        "stride": 32, "checkpoints": (128, 256, 512, 1024), "temperatures": (0.0, 1.0),
        "oracle_percentage": 0.3, "interval": 32, "branch_tokens": 64, "cluster_tokens": 2048,
        "cluster_temperature": 0.8, "judge_model": "deepseek/deepseek-r1-distill-qwen-32b",
    }  # fmt: skip
    assert {name: getattr(study, name) for name in told} == told
    names = ["variance", "manifold", "drift", "sensitivity", "attribution", "clusters"]
    assert [step.name for step in study.chain()] == names


def test_flags_and_fields_beat_sections(tmp_path):
    flags = {"temperatures": "0,0.5", "model": "other", "stride": "8"}
    study = read(tmp_path, ORIGINAL, **flags)
    assert (study.temperatures, study.model, study.stride) == ((0.0, 0.5), "other", 8)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ("2", ["variance"]),
        ("3,4", ["manifold", "drift"]),
        ("variance,7", ["variance", "clusters"]),
        ([2, 4], ["variance", "drift"]),
        (7, ["clusters"]),
        ("2,variance", ["variance"]),
    ],
)
def test_steps_go_by_name_or_number(given, names):
    study = Sampling(model="gpt2", steps=given)
    assert [step.name for step in study.chosen()] == names


def test_clustering_can_be_switched_off(tmp_path):
    study = read(tmp_path, ORIGINAL.replace("enabled: true", "enabled: false"))
    assert "clusters" not in [step.name for step in study.chosen()]
    with pytest.raises(ConfigError, match="switched off"):
        read(tmp_path, ORIGINAL.replace("enabled: true", "enabled: false"), steps="7")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("top_n_points", "top_n_point", "attribution_exp has no key 'top_n_point'. Did you mean"),
        ("variance_layers", "variance_layer", "has no field 'variance_layer'"),
        ("  oracle_percentage: 0.25", "  oracle_percentage: 30", "should be less than 1"),
        ("[128, 256]", "[128, 512]", "Checkpoint 512 lies beyond max_new_tokens 256"),
        ("stride: 16", "stride: 200", "longer than checkpoint 128"),
        ("  latent_sampling_stride: 4", "  latent_sampling_stride: 50", "longer than the 48"),
        ("n_clusters: 4", "n_clusters: 20", "raise cluster_samples to 100, or insist"),
        ("temperatures: [0.0, 1.0]", "temperatures: []", "temperatures is empty"),
        ("manifold_exp:\n  oracle_percentage: 0.25", "manifold_exp: 3", "is a section: give it"),
    ],
)
def test_a_wrong_line_is_one_sentence(tmp_path, old, new, said):
    assert old in ORIGINAL
    with pytest.raises(ConfigError) as error:
        read(tmp_path, ORIGINAL.replace(old, new))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"template": "no place"}, "must contain {problem}"),
        ({"grader": "regex"}, "needs a pattern"),
        ({"grader": "regex", "grader_pattern": "(["}, "no regular expression"),
        ({"oracle_url": "https://x/v1"}, "name the model it runs"),
        ({"oracle_file": "a.jsonl", "oracle_model": "b"}, "keep one oracle"),
        ({"layers": (1, 2), "layer": 3}, "not among the pooled layers"),
    ],
)
def test_fields_that_do_not_fit_are_refused(fields, said):
    with pytest.raises(ConfigError, match=said.replace("{", r"\{")):
        Sampling(model="gpt2", **fields)


def test_force_clusters_few():
    assert Sampling(model="gpt2", cluster_samples=8, n_clusters=3, force=True).force


def test_the_layer_of_the_findings_is_the_middle_one_unless_named():
    assert Sampling(model="x").layer_among([0, 1, 2, 3, 4]) == 2
    assert Sampling(model="x", layer=-1).layer_among([0, 1, 2, 3, 4]) == 4
    assert Sampling(model="x", layers=(0, 3), layer=3).layer_among([0, 3]) == 1


@pytest.mark.parametrize("name", ["boxed", "number"])
def test_the_answer_is_that_of_the_problem_and_not_of_one_made_up_after_it(name):
    study = Sampling.demo().model_copy(update={"grader": name})
    grader = grader_of(study)
    on = " So it is \\boxed{7}. Problem: What is 1+1? Solution: It is \\boxed{2}"
    assert grader.grade(on, "7").correct
    assert not grader.grade(on, "2").correct
    again = " Problem: What is 3+4? Solution: It is \\boxed{7}"
    assert grader.grade(again, "7").correct, "a problem said again before the answer"
    bare = study.model_copy(update={"template": "{problem}"})
    assert grader_of(bare).grade(on, "2").correct, "no beginning to know a new problem by"


def test_an_adapter_makes_another_run_and_is_named():
    plain = Sampling.demo()
    tuned = plain.model_copy(update={"adapter": "PT2_COREDe"})
    assert tuned.provenance()["model"] == "specimen:world + PT2_COREDe"
    assert plain.provenance()["digest"] != tuned.provenance()["digest"]
    assert tuned.warm().adapter is not None
