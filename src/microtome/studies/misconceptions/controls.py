"""The matched random sets of one ablation: a row each, and the audits that they do match."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

import microtome as mt
from microtome.audit import Audit
from microtome.statistics import Floats
from microtome.studies.misconceptions.ablating import Ablation
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.controlling import controlled
from microtome.studies.misconceptions.matching import Match, random_sets
from microtome.studies.misconceptions.scoring import Row
from microtome.studies.misconceptions.targets import Target, named

_APART = 1e-3
"""Largest relative difference of what an ablation and its random sets write at a token."""
_GAP, _COARSE_GAP = 1e-3, 1e-1
"""Nats by which two routes to one ablation may differ, in float32 and in coarser formats."""


@dataclass(frozen=True)
class Controls:
    """Rows of `ablate_controls` of one ablation, and audits."""

    rows: list[dict[str, Any]]
    audits: list[Audit]


def control_rows(
    model: "mt.Model",
    ablation: Ablation,
    target: Target,
    scored: Sequence[Row],
    baseline: Floats,
    ablated: Floats,
    study: Configuration,
) -> Controls:
    """Random sets on the prompts of the headline, whose Δ before and after are given."""
    pool = np.flatnonzero((ablation.dictionary.atoms.float().norm(dim=1) > 0).cpu().numpy())
    sets = random_sets(ablation.ablated(target.features), pool, study.controls, study.seed)
    found = controlled(model, scored, ablation, target.features, sets, study.max_rows)
    deltas = found.scores[:, :, 0] - found.scores[:, :, 1]
    rows = [
        {**target.place, "control": number, "control_features": named(own),
         "mean_change": float((delta - baseline).mean()), "sign": target.sign, **asdict(match)}
        for number, (own, delta, match) in enumerate(
            zip(sets, deltas[1:], found.matches[1:], strict=True), start=1
        )
    ]  # fmt: skip
    gap = float(np.abs(deltas[0] - ablated).max())
    exact = model.parts.hf.dtype == torch.float32
    return Controls(rows, _audits(found.matches[1:], gap, _GAP if exact else _COARSE_GAP))


def _audits(matches: Sequence[Match], gap: float, bound: float) -> list[Audit]:
    """Controls write where their target writes and as much; both go the same way."""
    return [
        Audit("tokens that only one of ablation and random set changes",
              float(max(m.elsewhere for m in matches)), 0.0),
        Audit("relative difference of size, random set against ablation",
              max(m.apart for m in matches), _APART),
        Audit("change of Δ by the ablation, made as its random sets are made, against its own",
              gap, bound),
    ]  # fmt: skip
