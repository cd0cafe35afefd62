"""The questions the study was made for, answered from its other steps and from weight swaps.

RQ1: what the source writes for defection and the receiver suppresses (`suppression.py`). RQ2: what
distinguishes two fine-tunes that are patched both ways, and whether their circuits overlap
(`both_ways.py`, `overlap.py`). RQ3: which attentions and MLPs a targeted fine-tuning would have
had to train (`targets.py`). What five scenarios cannot show is said in the findings.
"""

from collections.abc import Sequence

import microtome as mt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.studies.dilemmas.both_ways import both_ways, both_ways_findings
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import shape_of, tokens_of
from microtome.studies.dilemmas.design import by_component, tested, undecided
from microtome.studies.dilemmas.figures.comparison import comparison_figures
from microtome.studies.dilemmas.models import prompts_in, rows
from microtome.studies.dilemmas.overlap import model_nodes, overlap_findings, overlaps
from microtome.studies.dilemmas.patching import patched_prompts
from microtome.studies.dilemmas.players import BASE
from microtome.studies.dilemmas.suppression import suppressed, suppression_findings
from microtome.studies.dilemmas.targets import swapped, target_findings, targets


class Comparison(Step):
    """Suppressed heads, distinct circuits, targets for fine-tuning."""

    name = "comparison"
    version = 1
    summary = "What is suppressed, what is distinct, and what training would have had to change."
    reads = ("first", "second", "chat", "max_rows")
    needs = ("attribution", "patching", "circuits")

    def units(self, study: Configuration) -> list[Unit]:
        prompts = [prompt for prompts in patched_prompts(study).values() for prompt in prompts]
        tuned = [name for name in study.models if name != BASE]
        return [Unit(name, {"model": name, "prompts": rows(prompts)}) for name in tuned]

    def cost(self, study: Configuration) -> Cost:
        """Every swap both ways; a swapped component is replayed from its layer on."""
        shape = shape_of(study)
        texts = [p.prompt for prompts in patched_prompts(study).values() for p in prompts]
        n_models = sum(name != BASE for name in study.models)
        passes = 2 * n_models * (2 * shape.layers + 4)
        whole = 2 * n_models * (shape.layers + 1 + 4)
        n_rows, tokens = passes * len(texts), sum(map(tokens_of, texts))
        flops = shape.passes(whole * tokens, readouts=n_rows)
        return Cost(n_rows, passes * tokens, 100 * n_rows, flops)

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        name = str(unit.inputs["model"])
        found, audits = swapped(warm[BASE], warm[name], name, prompts_in(unit), study)
        return Product({"comparison_weights": found}, audits=audits)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        parts = [_of_pairs(tables, study), _of_circuits(tables, study), _of_weights(tables, study)]
        findings = [finding for part in parts for finding in part.findings]
        made = {name: rows for part in parts for name, rows in part.tables.items() if len(rows)}
        return Conclusion(findings, tables=made)

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return comparison_figures(study, tables)


def _of_pairs(tables: Tables, study: Configuration) -> Conclusion:
    """RQ1, and the components of RQ2."""
    if "patching_results" not in tables:
        nothing = "No pair was patched, so no two models are compared."
        return Conclusion([Finding.stated(nothing, question="distinct")])
    less, ways = suppressed(tables, study), both_ways(tables["patching_summary"], study)
    findings = suppression_findings(less, tables, study, _undecided(tables, study))
    findings += both_ways_findings(ways, tables["patching_results"], study)
    return Conclusion(
        findings, tables={"comparison_suppressed": less, "comparison_both_ways": ways}
    )


def _undecided(tables: Tables, study: Configuration) -> str:
    """Why the design of attribution cannot claim any component; "" if it can."""
    full = tables["attribution_full"]
    wide = by_component(full[full["model"] == full["model"].iloc[0]], "contribution")
    return undecided(tested(wide, study), study)


def _of_circuits(tables: Tables, study: Configuration) -> Conclusion:
    """The circuits of RQ2."""
    if "circuits" not in tables:
        nothing = "No circuit was found, so the overlap of circuits is left out."
        return Conclusion([Finding.stated(nothing, question="distinct")])
    shared = overlaps(tables["circuits"], model_nodes(tables))
    rows = [{name: one for name, one in row.items() if name != "chance"} for row in shared]
    return Conclusion(overlap_findings(shared, study), tables={"comparison_overlap": rows})


def _of_weights(tables: Tables, study: Configuration) -> Conclusion:
    """RQ3."""
    if "comparison_weights" not in tables:
        nothing = "No fine-tune is compared, so no weights were swapped."
        return Conclusion([Finding.stated(nothing, question="targets")])
    ranked = targets(tables["comparison_weights"], study)
    return Conclusion(
        target_findings(ranked, tables["comparison_weights"], study),
        tables={"comparison_targets": ranked},
    )
