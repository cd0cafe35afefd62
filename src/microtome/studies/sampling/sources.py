"""What the numbers come from: model, problems, oracle and judge, without loading a weight.

What cannot work is refused here, before a run folder is made.
"""

from dataclasses import asdict
from typing import Any

from microtome.data.problems import Problem
from microtome.errors import ConfigError, PromptError, SiteError
from microtome.files import digest
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.judging import demand_judge, judge_identity
from microtome.studies.sampling.problem_set import problems_of


def sources_of(study: Configuration) -> dict[str, Any]:
    """Identity of everything the study reads."""
    from microtome.model.source import identity_of

    problems = problems_of(study)
    found = identity_of(study.model, study.adapter)
    demand_layers(study)
    chosen = {step.name for step in study.chosen()}
    if {"manifold", "drift"} & chosen:
        demand_oracles(study, problems)
    if "clusters" in chosen:
        demand_judge(study)
    demand_context(study, chosen)
    return found | {
        "problems": digest([asdict(problem) for problem in problems]),
        "problem_set": str(study.problems or "the specimen's arithmetic"),
        "n_problems": len(problems),
        "oracle": oracle_name(study),
        "judge": judge_identity(study),
    }


def oracle_name(study: Configuration) -> str:
    """Whose texts the oracle's are."""
    if study.oracle_model:
        return study.oracle_model + (f" at {study.oracle_url}" if study.oracle_url else "")
    return str(study.oracle_file) if study.oracle_file else "the problems' own solutions"


def demand_layers(study: Configuration) -> None:
    """SiteError for a layer that the model has not."""
    from microtome.model.speed import arithmetic

    asked = [*study.layers, *([] if study.layer is None else [study.layer])]
    count = arithmetic(study.model).layers if asked else 0
    for layer in asked:
        if not -count <= layer < count:
            raise SiteError(
                f"Layer {layer} was asked for and {study.model} has layers 0 to {count - 1}; "
                f"use one of those (negative counts from the end)."
            )


def demand_context(study: Configuration, chosen: set[str]) -> None:
    """ConfigError for lengths that no prompt leaves room for.

    Without its tokenizer a prompt counts as one token; a longer one is refused by its unit.
    """
    from microtome.model.speed import arithmetic

    room = arithmetic(study.model).context
    for steps, fields in (
        ({"variance", "manifold", "drift"}, ("max_new_tokens",)),
        ({"sensitivity"}, ("max_new_tokens", "branch_tokens")),
        ({"clusters"}, ("cluster_tokens",)),
    ):
        asked = sum(getattr(study, field) for field in fields)
        if room is not None and steps & chosen and asked >= room:
            flags = " and ".join(f"--{field.replace('_', '-')}" for field in fields)
            raise ConfigError(
                f"{' and '.join(sorted(steps & chosen))} would continue a prompt by {asked} tokens "
                f"and {study.model} takes {room}, prompt included; lower {flags}."
            )


def demand_oracles(study: Configuration, problems: tuple[Problem, ...]) -> None:
    """PromptError where a problem has no solution and nothing else writes one."""
    if len(problems) < 2:
        raise PromptError(
            "One problem has no other whose solution could be the control; use two or more."
        )
    if not study.oracle_model:
        for problem in problems:
            problem.continuation(study.template)
