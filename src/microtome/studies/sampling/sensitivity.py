"""Where one token changes the rest: the second likeliest token forced along a greedy solution.

Every branch is compared with the greedy solution over its next M tokens (D(t), per layer), with
what sampling does from the same prefix (relative D), and by its answer. Forks are ranked by
√(p1 p2)·D, their part of the spread of samples (`microtome.methods.branching`); the plain D of the
original is ranked beside it. Writes `data/bifurcation_points.json`.
"""

from collections.abc import Sequence

import microtome as mt
from microtome.errors import InputError
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.sampling.bifurcations import NAME
from microtome.studies.sampling.branch_costs import sensitivity_cost
from microtome.studies.sampling.branches import branched
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.figures.forks import fork_figures
from microtome.studies.sampling.forks_found import findings
from microtome.studies.sampling.problem_set import (
    grader_of,
    knows_methods,
    problem_in,
    problem_units,
    prompt_of,
)
from microtome.studies.sampling.ranking import document, ranked, tops


class Sensitivity(Step):
    """Forks of every problem's greedy solution."""

    name = "sensitivity"
    version = 5
    summary = "Where one other token changes everything that follows."
    reads = (
        "template", "chat", "grader", "grader_pattern", "max_new_tokens", "layers", "stride",
        "sensitivity_stride", "max_rows", "interval", "lookahead_tokens", "branch_tokens",
        "fork_at", "min_entropy", "continuations", "finish_branches", "seed",
    )  # fmt: skip

    def units(self, study: Configuration) -> Sequence[Unit]:
        return problem_units(study)

    def cost(self, study: Configuration) -> Cost:
        return sensitivity_cost(study)

    def compute(self, unit: Unit, warm: "mt.Model", study: Configuration) -> Product:
        problem, graded = problem_in(unit), study.grader != "none"
        found = branched(
            warm, problem, prompt_of(problem, study), study,
            grader_of(study) if graded else None, known=knows_methods(study),
        )  # fmt: skip
        tables = {
            "fork_solutions": [found.solution()],
            "fork_tokens": found.tokens(),
            "fork_points": found.points(study.lookahead_tokens),
            "fork_layers": found.layers(),
        }
        return Product(tables, audits=found.audits(study))

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        if tables["fork_points"].empty:
            raise InputError(
                f"No step of any greedy solution has an entropy of {study.min_entropy:g} or more, "
                f"so there is no fork; lower min_entropy."
            )
        forks = ranked(tables["fork_points"], study)
        top = tops(tables["fork_points"], tables["fork_solutions"])
        return Conclusion(
            findings=findings(forks, top, study),
            tables={"forks": forks, "fork_tops": top},
            data={NAME: document(forks, tables, study)},
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return fork_figures(study, tables)
