"""Prompts from a file: one's own wordings of dilemmas (JSONL) and new scenarios (YAML or JSON).

A line of a prompt file is {"scenario", "prompt"} and, if wanted, "variant", "description",
"state_self" and "state_opp" ("Cooperate" or "Defect"). A scenario file maps names to
{"state_self", "state_opp", "description"}. Whatever is wrong is named with file and line.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

from microtome.characters import flaw
from microtome.data.games import Move, Scenario, State
from microtome.data.lines import objects
from microtome.errors import ConfigError, PromptError, suggest
from microtome.files import load_yaml
from microtome.values import Count, Name, Text, Value

Origin = Literal["shipped", "own", "generated"]
_FIELDS = ("scenario", "variant", "prompt", "description", "state_self", "state_opp")


class Prompt(Value):
    """One wording of a scenario."""

    refusal: ClassVar[type[PromptError]] = PromptError

    scenario: Name
    """The name of its scenario."""
    variant: Count
    """Which of the scenario's wordings it is, counted from 1."""
    prompt: Text
    """The words."""
    description: str = ""
    state_self: Move | None = None
    state_opp: Move | None = None
    origin: Origin = "own"

    @property
    def state(self) -> str:
        """Both last moves, own first ("CD"), or the scenario's name where they are not stated."""
        if self.state_self is None or self.state_opp is None:
            return self.scenario
        return State(self.state_self, self.state_opp).name


def read_prompts(path: Path, origin: Origin = "own") -> tuple[Prompt, ...]:
    """The prompts of a JSONL file, in order; PromptError names file and line."""
    found: dict[tuple[str, int], int] = {}
    wordings: Counter[str] = Counter()
    prompts: list[Prompt] = []
    for number, content in objects(path, "prompt"):
        next_one = wordings[str(content.get("scenario"))] + 1
        prompt = _prompt(path, number, {"variant": next_one, **content, "origin": origin})
        wordings[prompt.scenario] += 1
        key = (prompt.scenario, prompt.variant)
        if key in found:
            raise PromptError(
                f"{path}, line {number}: variant {prompt.variant} of {prompt.scenario!r} already "
                f"stands in line {found[key]}; number the variants of a scenario apart."
            )
        found[key] = number
        prompts.append(prompt)
    if not prompts:
        raise PromptError(f"{path} holds no prompt; give one JSON object a line.")
    return tuple(prompts)


def read_scenarios(path: Path) -> tuple[Scenario, ...]:
    """New scenarios from a YAML or JSON mapping of names; ConfigError names file and line."""
    file = load_yaml(path)
    found = []
    for name, content in file.values.items():
        place = file.where((name,))
        if not isinstance(content, dict):
            raise ConfigError(f"{place}: {name!r} must map state_self, state_opp and description.")
        allowed = ("state_self", "state_opp", "description")
        for key in content:
            if key not in allowed:
                where = file.where((name, key))
                raise ConfigError(
                    f"{where}: a scenario has no field {key!r}.{suggest(key, allowed)}"
                )
        for key in allowed:
            if not isinstance(content.get(key), str):
                raise ConfigError(f"{place}: scenario {name!r} needs {key} as a text.")
            if problem := flaw(content[key], name=key != "description"):
                raise ConfigError(f"{place}: {key} of scenario {name!r} is refused: {problem}.")
        if problem := flaw(name, name=True):
            raise ConfigError(f"{place}: the name {name!r} is refused: {problem}.")
        try:
            found.append(Scenario(name, **content))
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None
    if not found:
        raise ConfigError(f"{path} holds no scenario; map a name to its states and description.")
    return tuple(found)


def of_texts(scenario: Scenario, texts: Sequence[str], first: int) -> tuple[Prompt, ...]:
    """Generated texts as prompts of a scenario, their variants counted from `first`."""
    return tuple(
        Prompt(
            scenario=scenario.name,
            variant=first + i,
            prompt=text,
            description=scenario.description,
            state_self=scenario.state_self,
            state_opp=scenario.state_opp,
            origin="generated",
        )
        for i, text in enumerate(texts)
    )


def _prompt(path: Path, number: int, content: dict[str, Any]) -> Prompt:
    for key in content:
        if key not in (*_FIELDS, "origin"):
            raise PromptError(
                f"{path}, line {number}: a prompt has no field {key!r}.{suggest(key, _FIELDS)}"
            )
    return Prompt.model_validate(content, context=lambda _: f"{path}, line {number}")
