"""Which prompts a study asks: the shipped ones, one's own, new scenarios, further wordings."""

import json

import pytest

from microtome.data.prompts import read_prompts, read_scenarios
from microtome.errors import ConfigError, PromptError
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.wordings import prompts_of, shipped

GOOD = {"scenario": "mine", "prompt": "Last round we both kept our word. I choose"}


def _study(**fields):
    return Dilemmas(model="specimen:world", **fields)


def _write(path, *lines):
    path.write_text("\n".join(x if isinstance(x, str) else json.dumps(x) for x in lines))
    return path


def test_fifteen_prompts_are_shipped_and_state_their_moves():
    prompts = shipped()
    assert len(prompts) == 15
    assert {p.scenario: p.state for p in prompts} == {
        "CC_continue": "CC",
        "CC_temptation": "CC",
        "CD_punished": "CD",
        "DC_exploited": "DC",
        "DD_trapped": "DD",
    }
    assert all(p.state == p.scenario[:2] and p.origin == "shipped" for p in prompts)


def test_further_wordings_come_after_the_given_ones_and_are_new():
    prompts = prompts_of(_study(wordings=6))["CD_punished"]
    texts = [p.prompt for p in prompts]
    assert [p.variant for p in prompts] == list(range(1, 10))
    assert [p.origin for p in prompts] == ["shipped"] * 3 + ["generated"] * 6
    assert len(set(texts)) == 9
    assert {p.state for p in prompts} == {"CD"}


def test_wordings_depend_on_the_seed_alone():
    one, same, other = (prompts_of(_study(wordings=4, seed=s)) for s in (1, 1, 2))
    assert one == same
    assert one["DD_trapped"][:3] == other["DD_trapped"][:3]
    assert one["DD_trapped"][3:] != other["DD_trapped"][3:]


def test_a_new_scenario_gets_three_wordings_that_say_its_moves(tmp_path):
    content = "betrayed: {state_self: Cooperate, state_opp: Defect, description: A cold shower}\n"
    study = _study(scenario_file=_write(tmp_path / "new.yaml", content), scenarios=("betrayed",))
    (prompts,) = prompts_of(study).values()
    assert len(prompts) == 3
    assert {p.state for p in prompts} == {"CD"}
    assert all("cooperate" in p.prompt and "defect" in p.prompt for p in prompts)


def test_own_prompts_replace_the_shipped_ones(tmp_path):
    path = _write(tmp_path / "own.jsonl", GOOD, "", {**GOOD, "prompt": "Another. I choose"})
    prompts = prompts_of(_study(prompts=path))
    assert {name: [p.variant for p in ps] for name, ps in prompts.items()} == {"mine": [1, 2]}
    assert prompts["mine"][0].state == "mine", "without stated moves the scenario stands for them"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([GOOD, "{not json"], "line 2: not valid JSON"),
        ([GOOD, "[1, 2]"], "line 2: a prompt is a JSON object"),
        ([{**GOOD, "prompt": "  "}], "line 1: prompt cannot be '  ': it is empty"),
        ([{"scenario": "mine"}], "line 1: Prompt needs prompt (the words)"),
        ([{**GOOD, "promt": "x"}], "line 1: a prompt has no field 'promt'. Did you mean 'prompt'"),
        ([{**GOOD, "variant": "one"}], "line 1: variant cannot be 'one'"),
        ([{**GOOD, "state_self": "Defekt"}], "line 1: state_self cannot be 'Defekt'"),
        (
            [{**GOOD, "variant": 1}, {**GOOD, "variant": 1}],
            "line 2: variant 1 of 'mine' already stands in line 1",
        ),
        ([""], "holds no prompt"),
    ],
)
def test_a_bad_prompt_file_is_named_with_its_line(tmp_path, lines, said):
    path = _write(tmp_path / "own.jsonl", *lines)
    with pytest.raises(PromptError, match=r"own\.jsonl") as error:
        read_prompts(path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: {state_self: Cooperate}", "line 1: scenario 'a' needs state_opp as a text"),
        (
            "a:\n  state_self: Cooperate\n  state_opp: Defekt\n  description: x",
            "line 1: Scenario 'a' has the move 'Defekt'",
        ),
        (
            "a:\n  state_self: Cooperate\n  state_op: Defect\n  description: x",
            "line 3: a scenario has no field 'state_op'. Did you mean 'state_opp'",
        ),
        ("a: hello", "line 1: 'a' must map"),
        ("", "holds no scenario"),
    ],
)
def test_a_bad_scenario_file_is_named_with_its_line(tmp_path, content, said):
    with pytest.raises(ConfigError, match=r"new\.yaml") as error:
        read_scenarios(_write(tmp_path / "new.yaml", content))
    assert said in str(error.value)


def test_a_new_scenario_must_not_take_a_shipped_name(tmp_path):
    content = "DD_trapped: {state_self: Defect, state_opp: Defect, description: again}"
    with pytest.raises(ConfigError, match="exists already"):
        prompts_of(_study(scenario_file=_write(tmp_path / "new.yaml", content)))


def test_wordings_of_own_prompts_need_their_moves(tmp_path):
    path = _write(tmp_path / "own.jsonl", GOOD)
    with pytest.raises(ConfigError, match="state_self and state_opp"):
        prompts_of(_study(prompts=path, wordings=2))
