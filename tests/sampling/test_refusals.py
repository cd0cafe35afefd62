"""Bad input through the command line: one sentence on stderr, exit code 2, nothing computed."""

import json

import pytest

SMALL = ["--stride", "3", "--checkpoints", "6", "--max-new-tokens", "56"]
TWO = ["--n-problems", "2", "--samples", "4"]
CLUSTERS = ["--steps", "7", "--cluster-samples", "15", "--cluster-tokens", "56"]


@pytest.fixture
def refused(tmp_path, sentence_of, monkeypatch):
    """Runs the study with extra flags and gives back the one sentence it ends with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENROUTER_API_KEY", raising=False)

    def call(*flags: str, model: str = "specimen:world") -> str:
        arguments = ["run", "sampling", "--model", model, *SMALL, *TWO, *flags]
        return sentence_of(*arguments)

    return call


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--steps", "2,9"], "no step '9'"),
        (["--steps", "variances"], "Did you mean 'variance'?"),
        (["--layers", "0,9"], "Layer 9 was asked for and specimen:world has layers 0 to 4"),
        (["--layer", "-7"], "Layer -7"),
        (["--stride", "7"], "Stride 7 is longer than checkpoint 6"),
        (["--checkpoints", "6,100"], "Checkpoint 100 lies beyond max_new_tokens 56"),
        (["--cluster-tokens", "600"], "takes 512, prompt included; lower --cluster-tokens"),
        (["--branch-tokens", "460"], "lower --max-new-tokens and --branch-tokens"),
        (["--judge-enabled"], "needs a key: put OPENROUTER_API_KEY"),
        (["--cluster-samples", "9"], "raise cluster_samples to 15, or insist with --force"),
        (["--problems", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        (["--n-problems", "1", "--steps", "3"], "use two or more"),
        (["--temperatures", "0,x"], "temperatures cannot be"),
        (["--samples", "1"], "samples cannot be"),
        (["--oracle-file", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
    ],
)
def test_a_wrong_flag_is_one_sentence(refused, tmp_path, flags, said):
    assert said in refused(*flags)
    assert not (tmp_path / "runs" / "sampling").exists(), "no run folder is made"


def test_an_oracle_without_a_solution_is_one_sentence(refused, tmp_path):
    rows = [{"id": name, "problem": f"Problem {name}", "answer": "4"} for name in "ab"]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = refused("--problems", "p.jsonl", "--steps", "3")
    assert "'a' has no solution to serve as an oracle" in said
    assert not (tmp_path / "runs" / "sampling").exists()


@pytest.mark.medium
def test_a_grader_that_matches_nothing_is_one_sentence(refused):
    said = refused(*CLUSTERS, "--grader", "regex", "--grader-pattern", "zz([0-9])")
    assert "found no answer in any of 15 solutions" in said


@pytest.mark.medium
def test_a_stride_longer_than_a_completion_is_one_sentence(refused):
    said = refused(*CLUSTERS, "--cluster-stride", "50", "--cluster-samples", "15")
    assert "Completion 0 has" in said
    assert "use a stride of at most" in said


@pytest.mark.medium
def test_an_oracle_shorter_than_the_stride_is_one_sentence(refused, tmp_path):
    rows = [
        {"id": name, "problem": f"Problem {name}", "answer": "4", "solution": "4."} for name in "ab"
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    said = refused("--problems", "p.jsonl", "--steps", "manifold", "--manifold-stride", "20")
    assert "leaves 3 tokens to pool and the stride is 20; use a stride of at most 3" in said


@pytest.mark.medium
def test_a_stride_that_leaves_drift_nothing_is_one_sentence(refused):
    said = refused("--steps", "4", "--manifold-stride", "30")
    assert "its beginning forced" in said
    assert "the stride is 30; use a stride of at most" in said
