"""The problems of a run, their prompts and their grader."""

from dataclasses import asdict, replace
from typing import Any

from microtome.data.graders import Grader, by_callable, grader
from microtome.data.problems import Problem, read_problems, with_solutions
from microtome.lab.study import Unit
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.problems import specimen_problems


def problems_of(study: Configuration) -> tuple[Problem, ...]:
    """The first `n_problems` of the file, or as many of the specimen's; oracle texts put in."""
    if study.problems is None:
        found = specimen_problems(study.n_problems, study.seed)
    else:
        found = read_problems(study.problems)[: study.n_problems]
    return with_solutions(found, study.oracle_file) if study.oracle_file else found


def problem_units(study: Configuration) -> list[Unit]:
    """One unit per problem."""
    return [Unit(problem.id, {"problem": asdict(problem)}) for problem in problems_of(study)]


def problem_in(unit: Unit, name: str = "problem") -> Problem:
    """The problem of a unit."""
    fields: Any = unit.inputs[name]
    return Problem(**fields)


def prompt_of(problem: Problem, study: Configuration) -> str:
    """The text that is continued."""
    return problem.prompt(study.template)


def grader_of(study: Configuration) -> Grader:
    """The grader; of `none` every solution is right.

    A model without chat training goes on with problems of its own, whose answers would be the last
    ones: what follows the template's beginning counts only where nothing is answered before it.
    """
    if study.grader == "none":
        return by_callable(lambda text, answer: True, "none")
    own = grader(study.grader, study.grader_pattern or None)
    opening = study.template.partition("{problem}")[0].strip()
    if not opening:
        return own

    def read(text: str) -> str | None:
        found = own.read(text.partition(opening)[0])
        return own.read(text) if found is None else found

    return replace(own, read=read)


def knows_methods(study: Configuration) -> bool:
    """Whether a parser tells the method of a solution: of the specimen's problems only."""
    return study.problems is None
