"""Which component carries the difference: activations of one fine-tune put into another.

    effect(c) = m(B ← A_c) − m(B)        normalised = Σ sign(gap)·(Δ(B ← A_c) − Δ(B)) / Σ |gap|

Both models read the same tokens and gap = Δ(A) − Δ(B); A's activation of one component replaces
B's at every position (`microtome.methods.patching`). The residual stream of each layer is patched
as a reference. As a control the very same patched logits are read along pairs of unrelated tokens,
drawn by the seed: a component that moves these as much as Δ moves everything.
"""

import random
from collections.abc import Sequence
from typing import Any

import microtome as mt
from microtome.data.prompts import Prompt
from microtome.lab.figures import Figure
from microtome.lab.study import Arrays, Conclusion, Cost, Finding, Product, Step, Tables, Unit
from microtome.studies.dilemmas.across import across_pairs
from microtome.studies.dilemmas.clear import neither
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.consistency import consistency
from microtome.studies.dilemmas.costs import replayed_share, shape_of, tokens_of
from microtome.studies.dilemmas.effects import ranked, summarised
from microtome.studies.dilemmas.figures.patching import patching_figures
from microtome.studies.dilemmas.models import ANSWERS, Batch, batches, place, prompts_in, rows
from microtome.studies.dilemmas.players import Pair
from microtome.studies.dilemmas.singles import pair_findings
from microtome.studies.dilemmas.wordings import prompts_of

CONTROLS = 16
"""Pairs of unrelated tokens."""
_EXTRA = 8
"""Rows per prompt besides the patches: both models, and what the audits run."""


NO_PAIR = (
    "No pair was patched: no default pair is between two compared models; name one, such as "
    "--pairs base:PT2_COREDe."
)


class Patching(Step):
    """Every component of every pair, one at a time."""

    name = "patching"
    version = 2
    summary = "What each component of one fine-tune changes when it is put into another."
    reads = ("first", "second", "chat", "max_rows", "metric", "seed")

    def units(self, study: Configuration) -> list[Unit]:
        return [
            Unit(
                f"{pair.name}/{scenario}",
                {"source": pair.source, "target": pair.target, "prompts": rows(prompts)},
            )
            for pair in study.parsed_pairs()
            for scenario, prompts in patched_prompts(study).items()
        ]

    def cost(self, study: Configuration) -> Cost:
        shape = shape_of(study)
        nodes = shape.layers * (shape.heads + 3)
        per_prompt = nodes + _EXTRA
        scenarios = patched_prompts(study).values()
        texts = [prompt.prompt for prompts in scenarios for prompt in prompts]
        read = len(study.parsed_pairs()) * per_prompt
        n_rows, tokens = read * len(texts), read * sum(map(tokens_of, texts))
        whole = (_EXTRA + nodes * replayed_share(shape.layers)) / per_prompt
        return Cost(n_rows, tokens, 250 * n_rows, shape.passes(whole * tokens, readouts=n_rows))

    def compute(self, unit: Unit, warm: "dict[str, mt.Model]", study: Configuration) -> Product:
        pair = Pair(str(unit.inputs["source"]), str(unit.inputs["target"]))
        found: list[dict[str, Any]] = []
        audits: list[mt.Audit] = []
        for prompt in prompts_in(unit):
            source, target = warm[pair.source], warm[pair.target]
            (batch,) = batches(target, [prompt], study)
            patched = _patch(batch, source, target, study)
            audits.extend(patched.audit)
            silent = {
                "baseline_neither": neither(target, batch)[0],
                "donor_neither": neither(source, batch)[0],
            }
            found += [{**row, **silent} for row in _lines(patched, pair, prompt)]
        return Product({"patching_results": found}, audits=audits)

    def conclude(self, study: Configuration, tables: Tables, arrays: Arrays) -> Conclusion:
        if "patching_results" not in tables:
            return Conclusion([Finding.stated(NO_PAIR, question="difference")])
        results = tables["patching_results"]
        summary = summarised(results, study)
        across = across_pairs(results, summary, study)
        return Conclusion(
            findings=[found for pair in across for found in pair_findings(pair, summary, study)],
            tables={
                "patching_summary": summary,
                "patching_top": ranked(summary),
                "patching_consistency": consistency(results, study),
                "cross_experiment_summary": [pair.row(study) for pair in across],
            },
        )

    def figures(self, study: Configuration, tables: Tables, arrays: Arrays) -> Sequence[Figure]:
        return patching_figures(study, tables) if "patching_results" in tables else ()


def patched_prompts(study: Configuration) -> dict[str, tuple[Prompt, ...]]:
    """The prompts to patch: the given ones and the first `patched_wordings` generated ones."""
    left_out = study.wordings - study.patched_wordings
    return {name: prompts[: len(prompts) - left_out] for name, prompts in prompts_of(study).items()}


def _patch(
    batch: Batch, source: "mt.Model", target: "mt.Model", study: Configuration
) -> "mt.Patching":
    return mt.patch(
        target,
        batch.ids,
        source,
        [mt.head_out[:, :], mt.attn_out[:], mt.mlp_out[:], mt.resid_post[:]],
        batch.direction,
        metric=study.metric,
        names=ANSWERS,
        controls=_unrelated(target, batch.direction.tokens, study.seed),
        max_rows=study.max_rows,
    )


def _unrelated(model: "mt.Model", answers: Sequence[int], seed: int) -> list["mt.Direction"]:
    """Pairs of tokens that are neither special nor an answer."""
    taken = {*model.tokenizer.all_special_ids, *answers}
    free = [token for token in range(len(model.tokenizer)) if token not in taken]
    drawn = random.Random(seed).sample(free, 2 * CONTROLS)
    return [model.direction(drawn[i], drawn[i + 1]) for i in range(0, len(drawn), 2)]


def _lines(patched: "mt.Patching", pair: Pair, prompt: Prompt) -> list[dict[str, Any]]:
    found = []
    assert patched.controls is not None
    unrelated = patched.controls[:, 0].pow(2).mean(0).sqrt().tolist()
    for row, rms in zip(patched.rows(), unrelated, strict=True):
        row.pop("row")
        name = row["component"]
        found.append(
            {
                "source": pair.source,
                "target": pair.target,
                **place(prompt),
                "kind": kind_of(name),
                "layer": int(name[1:].partition("_")[0].partition("H")[0]),
                **row,
                "unrelated_rms": rms,
            }
        )
    return found


def kind_of(component: str) -> str:
    """head, attn, mlp or resid, from a component's name."""
    if "_" not in component:
        return "head"
    return {"ATTN": "attn", "MLP": "mlp"}.get(component.partition("_")[2], "resid")
