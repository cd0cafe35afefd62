"""Bad input through the command line: one sentence on stderr, exit code 2, nothing computed."""

import json

import pytest

PROMPT = {"scenario": "mine", "prompt": "We both cooperated. I choose"}


@pytest.fixture
def refused(zoo, tmp_path, sentence_of):
    """Runs the study with extra flags and gives back the one sentence it ends with."""

    def call(*flags: str, bare: bool = False) -> str:
        own = [] if bare else ["--model", str(zoo.model), "--adapters", str(zoo.adapters)]
        arguments = ["run", "dilemmas", *own, "--output-dir", str(tmp_path / "runs"), *flags]
        return sentence_of(*arguments)

    return call


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--models", "base,PT3_COREDE"], "no adapter 'PT3_COREDE'. Did you mean 'PT3_COREDe'?"),
        (["--models", "base,base"], "names 'base' twice"),
        (["--models", "base", "--pairs", "base"], "'base' is not SOURCE:TARGET"),
        (["--models", "base", "--pairs", "base:base"], "patches a model into itself"),
        (["--models", "base", "--pairs", "base:PT2"], "holds no adapter 'PT2'"),
        (["--models", "base", "--scenarios", "CD_punish"], "Did you mean 'CD_punished'?"),
        (["--models", "base", "--second", " action1"], "two answers that differ"),
        (["--models", "base", "--second", " action1  "], "do not differ"),
        (["--models", "base", "--wordings", "2", "--patched-wordings", "3"], "raise wordings"),
        (["--models", "base", "--steps", "behavior"], "Did you mean 'behaviour'?"),
        (["--models", "base", "--prompts", "nowhere.jsonl"], "nowhere.jsonl does not exist"),
        (["--models", "base", "--scenario", "CD_punished"], "scenario"),
        (["--models", "base", "--level", "1.5"], "level cannot be"),
        (["--models", "base", "--chat"], "no chat template"),
        (["--models", "base", "--named", "L0H9"], "named asks for 'L0H9'"),
        (["--models", "base", "--flip-floor", "-1"], "flip-floor"),
    ],
)
def test_a_wrong_flag_is_one_sentence(refused, flags, said):
    assert said in refused(*flags)


def test_an_unknown_model_is_one_sentence(refused, tmp_path):
    (tmp_path / "empty").mkdir()
    said = refused("--model", str(tmp_path / "empty"), "--models", "base", bare=True)
    assert "config.json" in said


def test_a_missing_model_is_asked_for(refused):
    said = refused("--models", "base", bare=True)
    assert "dilemmas needs model: give --model" in said
    assert "specimen:world" in said


def test_adapters_without_a_folder_are_asked_for(refused, zoo):
    assert "--adapters FOLDER" in refused("--model", str(zoo.model), bare=True)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({**PROMPT, "prompt": ""}, "line 1: prompt cannot be '': it is empty"),
        ({**PROMPT, "prompt": "cooperate " * 200}, "Variant 1 of mine has 202 tokens"),
        ({**PROMPT, "promt": "x"}, "Did you mean 'prompt'?"),
    ],
)
def test_a_bad_prompt_is_one_sentence(refused, tmp_path, line, said):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(line))
    assert said in refused("--models", "base", "--prompts", str(path))
