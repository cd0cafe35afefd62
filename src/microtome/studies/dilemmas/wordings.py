"""Which prompts a configuration asks for: shipped or one's own, filtered, and further wordings."""

from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from microtome.data import games
from microtome.data.games import Scenario
from microtome.data.prompts import Prompt, of_texts, read_prompts, read_scenarios
from microtome.errors import ConfigError, suggest
from microtome.studies.dilemmas.configuration import Configuration

VARIANTS = 3
"""Wordings that a scenario from a scenario file starts with, as many as a shipped one has."""


@lru_cache(maxsize=1)
def shipped() -> tuple[Prompt, ...]:
    """The 15 shipped prompts: five scenarios in three wordings."""
    return read_prompts(Path(str(files(__package__) / "prompts.jsonl")), origin="shipped")


def prompts_of(study: Configuration) -> dict[str, tuple[Prompt, ...]]:
    """Prompts by scenario, in order: those given first, then `wordings` generated ones."""
    given = shipped() if study.prompts is None else read_prompts(study.prompts)
    found: dict[str, tuple[Prompt, ...]] = {}
    for prompt in given:
        found[prompt.scenario] = (*found.get(prompt.scenario, ()), prompt)
    new = () if study.scenario_file is None else read_scenarios(study.scenario_file)
    for scenario in new:
        if scenario.name in found:
            raise ConfigError(
                f"{study.scenario_file} names a scenario {scenario.name!r} that exists already; "
                f"give it another name."
            )
        found[scenario.name] = of_texts(scenario, games.wordings(scenario, VARIANTS, study.seed), 1)
    chosen = _chosen(study.scenarios, found)
    return {name: (*chosen[name], *_further(chosen[name], study)) for name in chosen}


def _chosen(
    names: tuple[str, ...], found: dict[str, tuple[Prompt, ...]]
) -> dict[str, tuple[Prompt, ...]]:
    for name in names:
        if name not in found:
            raise ConfigError(f"There is no scenario {name!r}.{suggest(name, found)}")
    return {name: found[name] for name in found if not names or name in names}


def _further(given: tuple[Prompt, ...], study: Configuration) -> tuple[Prompt, ...]:
    if study.wordings == 0:
        return ()
    scenario = _scenario(given[0])
    texts = [prompt.prompt for prompt in given]
    new = games.wordings(scenario, study.wordings, study.seed, exclude=texts)
    return of_texts(scenario, new, 1 + max(prompt.variant for prompt in given))


def _scenario(prompt: Prompt) -> Scenario:
    for scenario in games.SCENARIOS:
        if scenario.name == prompt.scenario:
            return scenario
    if prompt.state_self is None or prompt.state_opp is None:
        raise ConfigError(
            f"Further wordings of {prompt.scenario!r} need its last moves: give its prompts "
            f"state_self and state_opp, or leave --wordings at 0."
        )
    return Scenario(prompt.scenario, prompt.state_self, prompt.state_opp, prompt.description)
