"""Prompts of the iterated prisoner's dilemma say what their scenario says."""

import re

import pytest

from microtome.data.games import SCENARIOS, Payoffs, Scenario, State, scenario, wordings
from microtome.errors import ConfigError, MicrotomeError


def test_payoffs_keep_the_dilemma() -> None:
    payoffs = Payoffs()
    for other in ("Cooperate", "Defect"):
        assert payoffs.points("Defect", other) > payoffs.points("Cooperate", other)
    assert payoffs.points("Cooperate", "Cooperate") > payoffs.points("Defect", "Defect")
    with pytest.raises(ConfigError, match="temptation > reward"):
        Payoffs(temptation=3, reward=3)


@pytest.mark.parametrize("found", SCENARIOS, ids=lambda s: s.name)
def test_first_letter_is_the_own_move(found: Scenario) -> None:
    assert found.name.startswith(found.state.name)
    assert State.parse(found.state.name) == found.state


@pytest.mark.parametrize("split", ["train", "heldout"])
@pytest.mark.parametrize("found", SCENARIOS, ids=lambda s: s.name)
def test_wordings_tell_payoffs_and_actions_and_ask_for_one(found: Scenario, split: str) -> None:
    prompts = wordings(found, 300, seed=1, split=split)
    assert len(set(prompts)) == 300
    for prompt in prompts:
        assert len(prompt.split()) <= 95
        assert not prompt.endswith((" ", "."))
        assert set(re.findall(r"\b\d\b", prompt)) == {"0", "1", "3", "4"}
        assert {"action1", "action2"} <= set(re.findall(r"action\d", prompt))
        assert "  " not in prompt
        assert not re.search(r"[{}]", prompt)


def test_heldout_wordings_never_occur_in_training() -> None:
    train = set(wordings(SCENARIOS[0], 1500, seed=0, split="train"))
    assert not train & set(wordings(SCENARIOS[0], 500, seed=0))


def test_same_seed_same_prompts_and_errors_say_what_exists() -> None:
    assert wordings(SCENARIOS[2], 9, seed=3) == wordings(SCENARIOS[2], 9, seed=3)
    assert wordings(SCENARIOS[2], 9, seed=3) != wordings(SCENARIOS[2], 9, seed=4)
    with pytest.raises(ConfigError, match="CD_punished"):
        scenario("CD_punish")
    with pytest.raises(ConfigError, match="CC"):
        State.parse("XY")
    with pytest.raises(MicrotomeError, match="distinct"):
        wordings(Scenario("plain", "Cooperate", "Defect", "x"), 400_000, seed=0)
