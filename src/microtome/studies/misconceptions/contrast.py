"""Which features tell right physics from the misconception: found on one half, tested on the other.

Features that fire in enough of the pairs to select on are tested by exchanging labels within pairs,
corrected over all layers; those claimed are tested again on the held-out pairs, and once more on
the pairs of the file.
The control exchanges the labels within pairs at random and does all of it again.
"""

from collections.abc import Sequence
from typing import Any

from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Product, Step, Tables, Unit
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrast_findings import contrast_findings
from microtome.studies.misconceptions.contrasting import contrast
from microtome.studies.misconceptions.figures.contrast import contrast_figures
from microtome.studies.misconceptions.figures.passages import passage_figures
from microtome.studies.misconceptions.heldout import heldout_rows, separation_rows
from microtome.studies.misconceptions.marking import marked, named, stand_in_of
from microtome.studies.misconceptions.measured import pairs_in, sides_in
from microtome.studies.misconceptions.relabelling import relabelled
from microtome.studies.misconceptions.reports import contrast_rows, diff_report
from microtome.studies.misconceptions.two_runs import contrast_with
from microtome.studies.misconceptions.warm import Warm


class Contrast(Step):
    """Paired differences of features, their tests and their controls."""

    name = "contrast"
    version = 1
    summary = "Which features differ between right and mistaken members of the pairs."
    needs = ("features",)

    def units(self, study: Configuration) -> list[Unit]:
        return []

    def cost(self, study: Configuration) -> Cost:
        return Cost(0, 0, 0)

    def compute(self, unit: Unit, warm: Warm, study: Configuration) -> Product:
        raise NotImplementedError("The contrast is concluded from the features and has no units.")

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        every = sides_in(tables, arrays)
        select, test, extra = (pairs_in(tables, role) for role in ("select", "test", "extra"))
        found = contrast(every.of(select), min_pairs=study.min_pairs, at=study.at)
        control = relabelled(found, every.of(test), study)
        made: dict[str, Any] = {
            "contrast": contrast_rows(found, study),
            "contrast_heldout": heldout_rows(found, every.of(test), every.of(extra), study),
            "contrast_separation": separation_rows(found, every.of(test), control, study),
            "contrast_relabelled": control.rows(),
        }
        data: dict[str, Any] = {"diff_report": diff_report(found, every, tables, study)}
        if study.against is not None:
            data["diff_report_against"] = contrast_with(study.against, tables, arrays, study.topk)
        return Conclusion(
            named(contrast_findings(found, made, tables, study), stand_in_of(tables)),
            {name: rows for name, rows in made.items() if rows},
            data,
            [control.audit(study.alpha)],
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        drawn = [*contrast_figures(study, tables, arrays), *passage_figures(study, tables, arrays)]
        return marked(drawn, stand_in_of(tables))
