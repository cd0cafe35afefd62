"""The models of a run: one base model in memory, every fine-tune a view of it.

A batch holds prompts whose two answers part at the same two tokens, so one direction
Δ = logit(second) − logit(first) reads all its rows at the fork.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.errors import AdapterError, PromptError, suggest
from microtome.lab.study import Unit
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.players import BASE
from microtome.studies.dilemmas.wordings import prompts_of

ANSWERS = ("cooperate", "defect")
"""Names of the first and the second answer in tables."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Prompts of one model, their answers, and the direction that tells these apart."""

    prompts: tuple[Prompt, ...]
    answers: tuple["mt.Answers", ...]
    direction: "mt.Direction"

    @property
    def ids(self) -> list[tuple[int, ...]]:
        """Token ids up to the fork, one row per prompt."""
        return [answers.ids for answers in self.answers]


def load_models(study: Configuration) -> "dict[str, mt.Model]":
    """The base model and all adapters a step needs, by name; every prompt is tried for size."""
    base = mt.load(study.model, device=study.device, dtype=study.dtype)
    for prompts in prompts_of(study).values():
        for prompt in prompts:
            _demand_room(base, prompt, study)
    return {BASE: base} | {
        name: base.with_adapter(adapter_of(study, name)) for name in study.adapter_names()
    }


def adapter_of(study: Configuration, name: str) -> str | Path:
    """The folder of an adapter, or the name under which the specimen ships it."""
    if study.adapters is None:
        if study.model.startswith("specimen:"):
            return name
        raise AdapterError(
            f"{name!r} is an adapter and no folder of adapters was given; add --adapters FOLDER, "
            f"or compare the base model alone with --models base."
        )
    if not study.adapters.is_dir():
        raise AdapterError(f"The folder of adapters {study.adapters} does not exist.")
    there = sorted(path.parent.name for path in study.adapters.glob("*/adapter_config.json"))
    if name not in there:
        hint = suggest(name, [*there, BASE]) if there else " It holds none."
        raise AdapterError(f"{study.adapters} holds no adapter {name!r}.{hint}")
    return study.adapters / name


def batches(model: "mt.Model", prompts: Sequence[Prompt], study: Configuration) -> list[Batch]:
    """Prompts in batches of at most `max_rows` rows that share one fork, in their order."""
    groups: dict[tuple[int, int], list[tuple[Prompt, mt.Answers]]] = {}
    for prompt in prompts:
        answers = model.answers(prompt.prompt, study.first, study.second, chat=study.chat)
        groups.setdefault((answers.first, answers.second), []).append((prompt, answers))
    return [
        _batch(model, group[start : start + study.max_rows])
        for group in groups.values()
        for start in range(0, len(group), study.max_rows)
    ]


def _batch(model: "mt.Model", rows: "Sequence[tuple[Prompt, mt.Answers]]") -> Batch:
    prompts, answers = zip(*rows, strict=True)
    return Batch(tuple(prompts), tuple(answers), answers[0].direction(model))


def _demand_room(model: "mt.Model", prompt: Prompt, study: Configuration) -> None:
    answers = model.answers(prompt.prompt, study.first, study.second, chat=study.chat)
    room = getattr(model.parts.config, "max_position_embeddings", None)
    if room is not None and len(answers.ids) > room:
        raise PromptError(
            f"Variant {prompt.variant} of {prompt.scenario} has {len(answers.ids)} tokens and "
            f"{model.name} takes {room}; shorten it."
        )


def model_units(study: Configuration) -> list[Unit]:
    """One unit per model and scenario."""
    return [
        Unit(f"{name}/{scenario}", {"model": name, "prompts": rows(prompts)})
        for name in study.models
        for scenario, prompts in prompts_of(study).items()
    ]


def rows(prompts: Sequence[Prompt]) -> list[dict[str, Any]]:
    """Prompts as JSON."""
    return [prompt.model_dump(mode="json") for prompt in prompts]


def prompts_in(unit: Unit) -> tuple[Prompt, ...]:
    """The prompts of a unit."""
    listed: Any = unit.inputs["prompts"]
    return tuple(Prompt(**row) for row in listed)


def model_in(unit: Unit, models: "Mapping[str, mt.Model]") -> "mt.Model":
    """The model of a unit."""
    return models[str(unit.inputs["model"])]


def place(prompt: Prompt) -> dict[str, Any]:
    """The columns that say which prompt a row is about."""
    return {"scenario": prompt.scenario, "variant": prompt.variant, "state": prompt.state}
