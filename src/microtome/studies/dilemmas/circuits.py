"""Which components together carry the difference: the smallest set that does, put into the other.

    f(C) = Σ sign(gap)·(Δ(B ← A_C) − Δ(B)) / Σ |gap|      C: heads and MLPs of A, the rest B's

C is the smallest set found with f(C) ≥ τ from which no component can be spared
(`microtome.methods.patching.circuits`), searched on one wording of every scenario. What is
reported of it comes from the other patched wordings, which the search did not see: f, what each
member is worth, and the rank of f among random sets of as many heads and MLPs. On the prompts of
the search a random model has "circuits" at p = 0.02 as well. Pairs whose circuits are compared are
searched on different wordings, where there are enough: what one wording asks for would be shared.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import shape_of, tokens_of
from microtome.studies.dilemmas.design import rests_on_small
from microtome.studies.dilemmas.effects import title
from microtome.studies.dilemmas.exchange import Exchange
from microtome.studies.dilemmas.figures.circuits import circuit_figures
from microtome.studies.dilemmas.flips import MAX_COMPONENTS, flip_finding, flip_search
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.held_out import (
    NOTHING,
    assessed,
    circuit_finding,
    found,
    members,
    per_prompt,
)
from microtome.studies.dilemmas.models import prompts_in, rows
from microtome.studies.dilemmas.patching import patched_prompts
from microtome.studies.dilemmas.players import Pair
from microtome.studies.dilemmas.relations import searched_wordings

_SETS_PER_NODE = 4
"""Ranking both ways, growing, elimination and the controls, as seen in searches."""


class Circuits(Step):
    """The smallest set of components of every pair that carries its gap."""

    name = "circuits"
    version = 5
    summary = "Which few components, put into the other model together, carry the difference."
    reads = ("first", "second", "chat", "max_rows", "tau", "random_circuits", "seed")

    def units(self, study: Configuration) -> list[Unit]:
        if not study.circuits:
            return []
        scenarios, pairs = list(patched_prompts(study).values()), study.parsed_pairs()
        places = searched_wordings(pairs, min(map(len, scenarios), default=1))
        return [_unit(pair, own, scenarios) for pair, own in zip(pairs, places, strict=True)]

    def cost(self, study: Configuration) -> Cost:
        """A guess, as nobody knows how many sets the search will try before it has run."""
        shape = shape_of(study)
        nodes = shape.layers * (shape.heads + 1)
        searching, assessing = (
            _SETS_PER_NODE * nodes + MAX_COMPONENTS,
            study.random_circuits + nodes,
        )
        pairs = len(study.parsed_pairs()) if study.circuits else 0
        each = [
            (searching if i == 0 else assessing, prompt.prompt)
            for prompts in patched_prompts(study).values()
            for i, prompt in enumerate(prompts)
        ]
        tokens = pairs * sum(sets * tokens_of(text) for sets, text in each)
        n_rows = pairs * sum(sets for sets, _ in each)
        return Cost(n_rows, tokens, 20_000 * pairs, shape.passes(tokens, readouts=n_rows))

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        source, target = str(unit.inputs["source"]), str(unit.inputs["target"])
        prompts = prompts_in(unit)
        others = prompts_in(Unit(unit.name, {"prompts": unit.inputs["held_out"]}))
        exchange = Exchange(warm[source], warm[target], study)
        gaps = exchange.gaps(prompts)
        pair = {"source": source, "target": target, "pair": title(source, target)}
        wording = unit.inputs["wording"]
        summary = {**pair, "mean_abs_gap": float(np.abs(gaps).mean()), "n_prompts": len(prompts)}
        flips, audits = flip_search(warm[source], warm[target], prompts, study, pair)
        made: dict[str, Any] = {"circuits_greedy": flips}
        summary |= NOTHING
        if not rests_on_small(gaps):
            circuit = exchange.smallest(prompts)
            audits += circuit.audit
            summary |= found(circuit)
            made["circuits"] = members(circuit, None, {**pair, "wording": wording})
            if others and not rests_on_small(exchange.gaps(others)):
                held_out = exchange.assessed(others, circuit.members)
                audits += held_out.audit
                summary |= assessed(held_out)
                made["circuits"] = members(circuit, held_out, {**pair, "wording": wording})
                made["circuits_held_out"] = per_prompt(held_out, others, pair)
        return Product({"circuits_summary": [summary], **made}, audits=audits)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        if "circuits_summary" not in tables:
            skipped = "Circuit search skipped (`--no-circuits`, or no pairs)."
            return Conclusion([Finding.stated(skipped, question="difference")])
        lines = tables["circuits_summary"].to_dict("records")
        held_out = tables.get("circuits_held_out")
        findings = [circuit_finding({**line}, held_out, study) for line in lines]
        flips = tables["circuits_greedy"]
        findings += [flip_finding(rows, study) for _, rows in groups(flips, "pair")]
        return Conclusion(findings)

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return circuit_figures(tables) if "circuits" in tables else ()


def _unit(pair: Pair, wording: int, scenarios: Sequence[Sequence[Prompt]]) -> Unit:
    """One wording of every scenario to search on, all the others to measure on."""
    others = [one for own in scenarios for i, one in enumerate(own) if i != wording]
    return Unit(
        pair.name,
        {
            "source": pair.source,
            "target": pair.target,
            "wording": wording,
            "prompts": rows([own[wording] for own in scenarios]),
            "held_out": rows(others),
        },
    )
