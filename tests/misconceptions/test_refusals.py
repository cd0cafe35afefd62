"""Bad input through the command line: one sentence on stderr, exit code 2, nothing computed."""

import json

import pytest
import torch

from microtome.dictionaries.load import save_dictionary
from microtome.dictionaries.random import random_dictionary
from microtome.model.site import mlp_out, resid_post

RANDOM = ["--random-dictionary", "--layers", "1"]
LINE = {
    "id": "a", "pair_id": "p", "label": "correct", "prompt": "A car brakes. Its velocity is",
    "expected_correct_answer": " east", "misconception_answer": " west",
}  # fmt: skip


@pytest.fixture
def refused(tmp_path, sentence_of):
    """Runs the study on the specimen with extra flags; gives back the sentence it ends with."""

    def call(*flags: str) -> str:
        own = ["--model", "specimen:world", "--output-dir", str(tmp_path / "runs")]
        return sentence_of("run", "misconceptions", *own, *flags)

    return call


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--random-dictionary", "--layers", "1,9"], "Layer 9 was asked for; specimen:world has"),
        ([*RANDOM, "--layer", "7", "--feature", "0"], "has layers 0 to 4"),
        ([*RANDOM, "--layer", "1", "--feature", "256"], "has features 0 to 255"),
        ([*RANDOM, "--layer", "1"], "--layer is given without --feature"),
        ([*RANDOM, "--feature", "1"], "--feature is given without --layer"),
        (["--random-dictionary", "--layers", "1,1"], "names 1 twice"),
        ([*RANDOM, "--dictionaries", "x/y"], "give one of the two"),
        ([*RANDOM, "--prompts", "voice"], "Did you mean 'voices'?"),
        ([*RANDOM, "--prompts", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        ([*RANDOM, "--domains", "optics"], "No pair is of the domain 'optics'"),
        ([*RANDOM, "--generated", "40000"], "lower --generated"),
        ([*RANDOM, "--controls", "18"], "controls cannot be"),
        ([*RANDOM, "--read-at", "first"], "read_at cannot be"),
        ([*RANDOM, "--against", "nowhere"], "nowhere, which holds no run"),
        ([*RANDOM, "--steps", "contrasts"], "Did you mean 'contrast'?"),
        (["--dictionaries", "no-such/repository", "--layers", "1"], "--random-dictionary"),
    ],
)
def test_a_wrong_flag_is_one_sentence(refused, flags, said):
    assert said in refused(*flags)


def test_a_continuation_over_the_context_is_no_long_prompt(refused):
    long = ["--steps", "prompts", "--generated", "0", "--max-new-tokens", "600"]
    assert "max_new_tokens=600 were asked; ask for fewer" in refused(*RANDOM, *long)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "holds no prompt"),
        ([LINE], "the pair 'p' has the members correct"),
        ([LINE, {**LINE, "id": "b"}], "has the members correct, correct"),
        (
            [{**LINE, "misconception_answer": " east "}, {**LINE, "id": "b",
             "label": "misconception", "misconception_answer": " east "}],
            "needs one right and one other answer",
        ),
        (
            [{**LINE, "prompt": "car " * 600},
             {**LINE, "id": "b", "label": "misconception"}],
            "specimen:world takes 512",
        ),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_sentence(refused, tmp_path, rows, said):
    path = tmp_path / "own.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    assert said in refused(*RANDOM, "--prompts", str(path), "--generated", "0")


def test_a_concept_word_that_is_asked_for_and_not_named_is_refused(refused, tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [LINE, {**LINE, "id": "b", "label": "misconception", "prompt": "No. Its velocity is"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    flags = [*RANDOM, "--prompts", str(path), "--generated", "0", "--read-at", "concept"]
    assert "'a' names no concept word and --read-at concept was asked for" in refused(*flags)


def test_answers_that_begin_alike_are_refused(refused, tmp_path):
    path = tmp_path / "own.jsonl"
    rows = [{**LINE, "misconception_answer": " east wind"}]
    rows += [{**rows[0], "id": "b", "label": "misconception"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert "one begins the other" in refused(*RANDOM, "--prompts", str(path), "--generated", "0")


def saved(folder, width, site):
    save_dictionary(random_dictionary(width, site), folder / "resid_post_1")
    return ["--dictionaries", str(folder), "--layers", "1"]


def test_a_dictionary_of_another_width_is_refused(refused, tmp_path):
    said = refused(*saved(tmp_path / "own", 96, resid_post[1]))
    assert "96" in said
    assert "128" in said


def test_a_dictionary_of_another_site_is_refused(refused, tmp_path):
    assert "give dictionaries of the residual stream" in refused(
        *saved(tmp_path / "own", 128, mlp_out[1])
    )


def test_a_layer_without_a_dictionary_names_those_there_are(refused, tmp_path):
    flags = saved(tmp_path / "own", 128, resid_post[1])
    said = refused(*flags[:2], "--layers", "1,3")
    assert "no dictionary of layer 3 (it has those of 1)" in said
    assert "--random-dictionary" in said


def test_a_dictionary_that_is_not_finite_is_refused(refused, tmp_path):
    flags = saved(tmp_path / "own", 128, resid_post[1])
    weights = tmp_path / "own" / "resid_post_1" / "weights.safetensors"
    from safetensors.torch import load_file, save_file

    tensors = load_file(weights)
    tensors["w_dec"][0, 0] = torch.nan
    save_file(tensors, weights)
    said = refused(*flags)
    assert "finite" in said or "sha256" in said
