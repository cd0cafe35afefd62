"""One fork taken apart: rows of its components and layers, of its controls, and of an ablation."""

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

import microtome as mt
from microtome.lab.study import Product
from microtome.methods.branching import Decision, ablate, decide, seed
from microtome.studies.sampling.bifurcations import Point
from microtome.studies.sampling.configuration import Configuration

if TYPE_CHECKING:
    from collections.abc import Sequence

Rows = list[dict[str, Any]]
FORK, ELSEWHERE, RANDOM = "fork", "same pair elsewhere", "random pair"
CONDITIONS = (FORK, ELSEWHERE, RANDOM)
PAIRS = 5
"""Random pairs of tokens per fork."""


def decided(
    model: "mt.Model", point: Point, elsewhere: "Sequence[int] | None", study: Configuration
) -> Product:
    """Tables and audits of one fork."""
    first, second = point.top1.id, point.top2.id
    rng = np.random.default_rng([study.seed, zlib.crc32(point.problem.encode()), point.t])
    here = decide(model, point.prefix_ids, first, second)
    found = [(FORK, here)]
    if elsewhere:
        found.append((ELSEWHERE, decide(model, elsewhere, first, second)))
    size = min(int(model.parts.config.vocab_size), len(model.tokenizer))
    for _ in range(PAIRS):
        a, b = (int(i) for i in rng.choice(size, 2, replace=False))
        found.append((RANDOM, decide(model, point.prefix_ids, a, b)))
    place = _place(model, point)
    tables: dict[str, Rows] = {
        "attribution_forks": [
            {**place, "condition": name, **row} for name, one in found for row in _parts(one)
        ],
        "attribution_layers": [
            {**place, "condition": name, **row}
            for name, one in found
            for row in _layers(one, name, study)
        ],
        "attribution_ablations": [{**place, **row} for row in _ablations(here, rng)],
    }
    audits = [audit for _, one in found for audit in one.split.audit]
    audits += [one.audit() for name, one in found if name != RANDOM]
    return Product(tables, audits=audits)


def _place(model: "mt.Model", point: Point) -> dict[str, Any]:
    decode = model.tokenizer.decode
    return {
        "problem": point.problem, "t": point.t, "rank": point.rank,
        "before": decode(list(point.prefix_ids))[-32:],
        "top1_text": decode([point.top1.id]), "top2_text": decode([point.top2.id]),
    }  # fmt: skip


def _parts(one: Decision) -> Rows:
    rows = one.split.rows()
    for row in rows:
        del row["row"]
    return [{**row, "delta": one.delta} for row in rows]


def _layers(one: Decision, name: str, study: Configuration) -> Rows:
    """What each layer writes; with formula=seed also what the original's formula gives it."""
    asked = study.formula == "seed" and name == FORK
    original = seed(one).tolist() if asked else [None] * len(one.mlp)
    return [
        {
            "layer": layer, "attention": attention, "mlp": mlp, "total": attention + mlp,
            "seed": theirs, "delta": one.delta, "gap": one.gap,
        }
        for layer, (attention, mlp, theirs) in enumerate(
            zip(one.attention.tolist(), one.mlp.tolist(), original, strict=True)
        )
    ]  # fmt: skip


def _ablations(one: Decision, rng: np.random.Generator) -> Rows:
    """The component that writes most, and a random other one of its kind."""
    top = one.top()
    kind = "mlp" if top.endswith("_MLP") else "head"
    names = [r["component"] for r in one.split.rows() if r["kind"] == kind]
    others = [name for name in names if name != top]
    chosen = [("top", top)] + ([("random", str(rng.choice(others)))] if others else [])
    return [{"role": role, **vars(ablate(one, name))} for role, name in chosen]
