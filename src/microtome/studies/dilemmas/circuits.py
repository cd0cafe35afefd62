"""Which components together carry the difference: the smallest set that does, put into the other.

    f(C) = (Δ(B ← A_C) − Δ(B)) / (Δ(A) − Δ(B))        C: heads and MLPs of A, the rest B's

C is the smallest set found with f(C) ≥ τ from which no component can be spared
(`microtome.methods.patching.circuits`). It is searched on the first wording of every scenario and
assessed on the other patched wordings, which the search never saw, and against random sets of as
many heads and MLPs.
"""

from collections.abc import Sequence
from typing import Any

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.costs import shape_of, tokens_of
from microtome.studies.dilemmas.effects import GAP_FLOOR, title
from microtome.studies.dilemmas.evidence import groups
from microtome.studies.dilemmas.figures.circuits import circuit_figures
from microtome.studies.dilemmas.flips import MAX_COMPONENTS, flip_finding, flip_search
from microtome.studies.dilemmas.models import prompts_in, rows
from microtome.studies.dilemmas.patching import kind_of, patched_prompts

_SETS_PER_NODE = 4
"""Ranking both ways, growing, elimination and the controls, as seen in searches."""


class Circuits(Step):
    """The smallest set of components of every pair that carries its gap."""

    name = "circuits"
    version = 2
    summary = "Which few components, put into the other model together, carry the difference."
    reads = ("first", "second", "chat", "max_rows", "tau", "random_circuits", "seed")

    def units(self, study: Configuration) -> list[Unit]:
        if not study.circuits:
            return []
        scenarios = list(patched_prompts(study).values())
        searched = [prompts[0] for prompts in scenarios]
        others = [prompt for prompts in scenarios for prompt in prompts[1:]]
        return [
            Unit(
                pair.name,
                {
                    "source": pair.source,
                    "target": pair.target,
                    "prompts": rows(searched),
                    "held_out": rows(others),
                },
            )
            for pair in study.parsed_pairs()
        ]

    def cost(self, study: Configuration) -> Cost:
        """A guess, as nobody knows how many sets the search will try before it has run."""
        shape = shape_of(study)
        nodes = shape.layers * (shape.heads + 1)
        sets = _SETS_PER_NODE * nodes + study.random_circuits + nodes + MAX_COMPONENTS
        texts = [prompts[0].prompt for prompts in patched_prompts(study).values()]
        pairs = len(study.parsed_pairs()) if study.circuits else 0
        tokens = pairs * sets * sum(map(tokens_of, texts))
        n_rows = pairs * sets * len(texts)
        return Cost(n_rows, tokens, 20_000 * pairs, shape.passes(tokens, readouts=n_rows))

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        source, target = str(unit.inputs["source"]), str(unit.inputs["target"])
        prompts = prompts_in(unit)
        exchange = _Exchange(warm[source], warm[target], study)
        gap = exchange.gap(prompts)
        place = {"source": source, "target": target, "pair": title(source, target)}
        summary = {**place, "mean_gap": gap, "n_prompts": len(prompts), **_NOTHING}
        flips, audits = flip_search(warm[source], warm[target], prompts, study, place)
        if abs(gap) < GAP_FLOOR:
            return Product({"circuits_summary": [summary], "circuits_greedy": flips}, audits=audits)
        circuit = exchange.smallest(prompts)
        summary |= _summary(circuit)
        others = prompts_in(Unit(unit.name, {"prompts": unit.inputs["held_out"]}))
        if others:
            summary["held_out"] = exchange.faithfulness(others, circuit.members)
            summary["n_held_out"] = len(others)
        return Product(
            {
                "circuits_summary": [summary],
                "circuits": _members(circuit, place),
                "circuits_greedy": flips,
            },
            audits=[*circuit.audit, *audits],
        )

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        if "circuits_summary" not in tables:
            return Conclusion(
                [Finding("No circuit was searched: circuits are off, or no pair is named.")]
            )
        lines = tables["circuits_summary"].to_dict("records")
        flips = tables["circuits_greedy"]
        findings = [_finding({**line}, study) for line in lines]
        findings += [flip_finding(rows) for _, rows in groups(flips, "pair")]
        return Conclusion(findings)

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return circuit_figures(tables) if "circuits" in tables else ()


_NOTHING: dict[str, Any] = {
    "found": False,
    "n_members": 0,
    "n_nodes": None,
    "faithfulness": None,
    "held_out": None,
    "n_held_out": 0,
    "without": None,
    "completeness_gap": None,
    "p_random": None,
    "tau": None,
}


class _Exchange:
    """Components of `source` among those of `target`, on prompts that both read."""

    def __init__(self, source: "mt.Model", target: "mt.Model", study: Configuration) -> None:
        self.source, self.target, self.study = source, target, study
        self.sites = [mt.head_out[:, :], mt.mlp_out[:]]

    def gap(self, prompts: Sequence[Prompt]) -> float:
        """Mean Δ of the source minus that of the target."""
        from microtome.methods.readout import delta_of_logits

        ids, directions = self._asked(prompts)
        both = [
            [
                float(delta_of_logits(row, direction))
                for row, direction in zip(
                    model.run(ids, logits="last").final_logits, directions, strict=True
                )
            ]
            for model in (self.source, self.target)
        ]
        return (sum(both[0]) - sum(both[1])) / len(prompts)

    def smallest(self, prompts: Sequence[Prompt]) -> Any:
        """The circuit of the source against the target, with its controls."""
        from microtome.methods.patching import find_circuit

        ids, directions = self._asked(prompts)
        return find_circuit(
            self.source, ids, self.target, self.sites, directions,
            tau=self.study.tau, n_random=self.study.random_circuits, seed=self.study.seed,
        )  # fmt: skip

    def faithfulness(self, prompts: Sequence[Prompt], members: Sequence[str]) -> float:
        """f of a given circuit on other prompts."""
        from microtome.methods.patching import assess_circuit

        ids, directions = self._asked(prompts)
        found = assess_circuit(
            self.source, ids, self.target, self.sites, directions, members,
            tau=self.study.tau, n_random=0,
        )  # fmt: skip
        return float(found.faithfulness)

    def _asked(self, prompts: Sequence[Prompt]) -> "tuple[list[Any], list[mt.Direction]]":
        first, second, chat = self.study.first, self.study.second, self.study.chat
        answers = [self.source.answers(p.prompt, first, second, chat=chat) for p in prompts]
        return [a.ids for a in answers], [a.direction(self.source) for a in answers]


def _summary(circuit: Any) -> dict[str, Any]:
    return {
        "found": circuit.found,
        "n_members": len(circuit.members),
        "n_nodes": len(circuit.nodes),
        "faithfulness": circuit.faithfulness,
        "without": circuit.without,
        "completeness_gap": circuit.gap,
        "p_random": circuit.beaten_by_random,
        "tau": circuit.tau,
    }


def _members(circuit: Any, place: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            **place,
            "component": row["component"],
            "kind": kind_of(row["component"]),
            "leave_one_out": row["leave_one_out"],
            "loss": circuit.faithfulness - row["leave_one_out"],
            "knocked_out": row["knocked_out"],
        }
        for row in circuit.rows()
    ]


def _finding(line: dict[Any, Any], study: Configuration) -> Finding:
    if not line["n_members"]:
        return Finding(
            f"{line['pair']}: the two differ by {line['mean_gap']:+.2f} logits on average, too "
            f"little to look for what carries it.",
            line["mean_gap"], unit="Δ logit (D − C)", n=line["n_prompts"], about=line["pair"],
        )  # fmt: skip
    held_out = line["held_out"]
    other = "" if held_out is None else f" ({held_out:.0%} on wordings the search did not see)"
    return Finding(
        f"{line['pair']}: {line['n_members']} of {line['n_nodes']} heads and MLPs of the source "
        f"together carry {line['faithfulness']:.0%} of the gap{other}; all the others carry "
        f"{line['without']:.0%}.",
        line["faithfulness"], unit="share of the gap", n=line["n_prompts"],
        about=line["pair"],
        control=f"p = {line['p_random']:.2g} against {study.random_circuits} random sets of as "
        "many heads and MLPs",
    )  # fmt: skip
