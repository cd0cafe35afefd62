"""Tables of the sampling study's forks: where a method is chosen, and which layer decides there."""

from typing import Any

import numpy as np
import pandas as pd

from bench.claims.sampling import LAYERS, STUDY, N
from bench.claims.world import Rng, World
from microtome.lab.claims import Finding
from microtome.studies.sampling import deciders_found, forks_found
from microtome.studies.sampling.decisions import ELSEWHERE, FORK
from microtome.studies.sampling.largest import largest


def method(rng: Rng, effect: float) -> Finding:
    """Top forks that choose the method with the chance of a random fork, or more by `effect`."""
    shares = rng.uniform(0.05, 0.3, N)
    rows = [
        {"problem": f"p{i}", "ranking": STUDY.rank_forks, "other_method": None,
         "outcome_change": None, "chooses_method": rng.random() < share + effect,
         "share_that_choose": share}
        for i, share in enumerate(shares)
    ]  # fmt: skip
    return forks_found._method(rows, rows, STUDY)


def writes(rng: Rng, effect: float) -> Finding:
    """Layers that write exponential amounts at forks and elsewhere; one more at forks."""
    conditions = (FORK, ELSEWHERE)
    total = rng.exponential(size=(N, len(conditions), len(LAYERS)))
    total[:, 0, 1] += effect
    place = pd.MultiIndex.from_product(
        [[f"p{i}" for i in range(N)], conditions, LAYERS], names=["problem", "condition", "layer"]
    )
    frame = pd.DataFrame({"total": total.ravel()}, index=place).reset_index()
    _, elsewhere = deciders_found._most(largest(frame, "layer", "total", STUDY), "layer", "")
    return elsewhere


def _ablated(rng: Rng, effect: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Two forks a problem: ablating moves Δ by exponential amounts, the top component by more."""
    size = rng.exponential(size=(2, 2 * N)) + np.array([[effect], [0.0]])
    moved = size * rng.choice([-1, 1], size.shape)
    top, other = (
        pd.DataFrame({"problem": np.repeat([f"p{i}" for i in range(N)], 2), "t": np.tile((0, 1), N),
                      "observed": one}) for one in moved
    )  # fmt: skip
    return top, other


def ablated(rng: Rng, effect: float) -> Finding:
    (found,) = deciders_found._more_than(*_ablated(rng, effect), STUDY)
    return found


def sign(rng: Rng, effect: float) -> Finding:
    """Contributions that predict the sign of an ablation by chance, or more often by `effect`."""
    top, _ = _ablated(rng, 0.0)
    right = rng.random(len(top)) < 0.5 + effect
    return deciders_found._sign(
        top.assign(predicted=np.where(right, 1, -1) * np.sign(top["observed"])), STUDY
    )


def _world(claim: str, null: str, draw: Any, effects: tuple[float, ...], unit: str) -> World:
    return World("sampling", claim, null, f"{N} problems", draw, effects, unit)


_LOGITS = "logits (mean of other amounts 1)"
WORLDS = (
    _world("the top fork chooses the method", "the top fork drawn at random",
           method, (0.2, 0.4, 0.6, 0.7), "of solutions beyond chance"),
    _world("the largest layer writes more at forks", "fork and control exchanged",
           writes, (1, 2, 3, 4), _LOGITS),
    _world("ablating the top component moves more than a random one", "top and random exchanged",
           ablated, (1, 2, 3, 4), _LOGITS),
    _world("its contribution predicts the sign of its ablation", "signs exchanged at random",
           sign, (0.2, 0.3, 0.4, 0.45), "of forks beyond one half"),
)  # fmt: skip
