"""Tables of the dilemmas study: choices, leanings, contributions, losses, circuits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from bench.claims.world import Rng, World
from microtome.lab.claims import Finding
from microtome.studies.dilemmas import (
    Dilemmas,
    attribution,
    choices,
    held_out,
    lens,
    overlap,
    targets,
)
from microtome.studies.dilemmas.agreement import Agreement, agreement
from microtome.studies.dilemmas.suppression import pair_finding

N = 8
"""Scenarios of two wordings or one."""
HEADS = [f"L{i // 4}H{i % 4}" for i in range(12)]
STATES = ("CC", "CD", "DC", "DD")
BASE, TUNED = "base", "PT2_COREDe"
STUDY = Dilemmas(model="specimen:world", models=(BASE, TUNED))
_SETS = STUDY.random_circuits


def behaviour(chances: Sequence[np.ndarray]) -> pd.DataFrame:
    """P(defect) "scenario" of Base and a fine-tune, in two wordings each."""
    rows = [
        {"model": model, "scenario": f"s{i}", "variant": v, "state": STATES[i % 4],
         "p_defect": p, "p_cooperate": 1 - p, "p_neither": 0.0}
        for model, own in zip((BASE, TUNED), chances, strict=False)
        for i, p in enumerate(own) for v in range(2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _chances(rng: Rng, room: float) -> np.ndarray:
    """P(defect) of scenarios that have nothing to do with each other, below `room`."""
    return room * rng.beta(3, 3, N)


def opponent(rng: Rng, effect: float) -> Finding:
    """A model that defects more by `effect` where the opponent did."""
    moved = np.array([STATES[i % 4][1] == "D" for i in range(N)])
    frame = behaviour([_chances(rng, 1 - effect) + effect * moved])
    (found,) = choices._conditional(frame, "Base", STUDY)
    return found


def against_base(rng: Rng, effect: float) -> Finding:
    """A fine-tune that defects more than Base by `effect` on average."""
    base, tuned = _chances(rng, 1 - effect), _chances(rng, 1 - effect) + effect
    frame = behaviour([base, tuned])
    own, other = (frame[frame["model"] == name] for name in (TUNED, BASE))
    return choices._against_base(own, other, "Strategic", STUDY)


def leaning(rng: Rng, effect: float) -> pd.DataFrame:
    """Δ of scenarios; with the actions exchanged at random its sign is."""
    return pd.DataFrame({
        "scenario": [f"s{i}" for i in range(N)], "variant": 1, "p_neither": 0.0, "settles_at": 2,
        "final_delta": rng.normal(effect, 1, N), "final_action": "defect",
    })  # fmt: skip


def lean(rng: Rng, effect: float) -> Finding:
    return lens._lean(leaning(rng, effect), "Base", STUDY)


def long(values: np.ndarray, column: str, **fields: Any) -> pd.DataFrame:
    """Values "scenario head" as rows."""
    n, m = values.shape
    return pd.DataFrame({
        "scenario": np.repeat([f"s{i}" for i in range(n)], m), "variant": 1,
        "component": np.tile(HEADS[:m], n), "kind": "head", "layer": 0,
        column: values.ravel(), **fields,
    })  # fmt: skip


def written(rng: Rng, effect: float) -> Finding:
    """Twelve heads whose contributions have random signs; one writes for defection."""
    own = rng.normal(size=(N, len(HEADS)))
    own[:, 5] += effect
    return attribution._finding(long(own, "contribution", model=BASE), BASE, STUDY)


def contributions(rng: Rng, effect: float) -> pd.DataFrame:
    """Contributions of twelve heads in Base and a fine-tune; one head's differ."""
    own = rng.normal(size=(2, N, len(HEADS)))
    own[1, :, 5] += effect
    return pd.concat([
        long(own[0], "contribution", model=BASE), long(own[1], "contribution", model=TUNED)
    ])  # fmt: skip


def changed(rng: Rng, effect: float) -> Finding:
    return attribution._change(contributions(rng, effect), BASE, TUNED, STUDY)


def lost(rng: Rng, effect: float) -> Finding:
    """What a fine-tune loses without the weights of each component, as a share of its gap."""
    share = 0.2 * rng.normal(size=(N, len(HEADS)))
    share[:, 5] += effect
    frame = long(share, "without", model=TUNED, gap=1.0, alone=0.1)
    means = frame.groupby("component", sort=False)["without"].mean()
    rows = [
        {"model": TUNED, "label": "Strategic", "component": name, "alone": 0.1, "without": own,
         "n": N}
        for name, own in means.sort_values(ascending=False).items()
    ]  # fmt: skip
    return targets._finding(rows, frame, STUDY)


def agreed(rng: Rng, effect: float) -> Agreement | None:
    """Contributions and patches that share the noise of their prompts, and mean nothing else.

    `effect` is what the five components that fall raise Δ by when they are put back.
    """
    shared, n = rng.normal(size=(N, len(HEADS))), len(HEADS)
    falls = np.arange(n) < 5
    source = 1 + 0.1 * rng.normal(size=(N, n))
    fall = np.where(falls, -2.0, 2.0) * bool(effect) - shared
    own = long(fall, "difference", contribution_source=source.ravel())
    return agreement(own, long(shared + effect * falls, "delta_change"), STUDY)


def suppressed(rng: Rng, effect: float) -> Finding:
    part = pd.DataFrame({
        "pair": "A → B", "kind": "head", "suppressed": True, "restores": True, "claimed": False,
        "test": "mean_is_0", "mean_delta_change": 1.0, "unrelated_rms": 0.1,
    }, index=[0])  # fmt: skip
    return pair_finding(part, agreed(rng, effect), STUDY, "")


def circuit(rng: Rng, effect: float) -> Finding:
    """A circuit beside its random sets: all carry 0.3 of the gap (sd 0.2), it `effect` more."""
    carried = rng.normal(0.3, 0.2, _SETS + 1)
    carried[0] += effect
    gap = rng.normal(3, 0.3, N)
    frame = pd.DataFrame({
        "pair": "A → B", "scenario": [f"s{i}" for i in range(N)], "variant": 2, "gap": gap,
        "effect": carried[0] * gap + 0.3 * rng.normal(size=N),
    })  # fmt: skip
    line = {"pair": "A → B", "n_members": 4, "n_nodes": 25, "n_held_out": N, "without": 0.1,
            "n_random": _SETS, "p_random": (carried >= carried[0]).mean()}  # fmt: skip
    return held_out.circuit_finding(line, frame, STUDY)


def overlapping(rng: Rng, shared: int | None = None) -> list[dict[str, Any]]:
    """Two circuits of 6 heads of 20 and 2 MLPs of 5, drawn at random or sharing heads."""
    heads, mlps = [f"L{i // 4}H{i % 4}" for i in range(20)], [f"L{i}_MLP" for i in range(5)]
    one, other = ([*rng.permutation(heads)[:6], *rng.permutation(mlps)[:2]] for _ in range(2))
    if shared is not None:
        rest = [head for head in heads if head not in one]
        other = [*one[:shared], *rest[: 6 - shared], *other[6:]]
    rows = [{"source": "A", "target": "B", "wording": 0, "component": c} for c in one]
    rows += [{"source": "B", "target": "A", "wording": 1, "component": c} for c in other]
    return overlap.overlaps(pd.DataFrame(rows), {"head": 20, "mlp": 5})


def overlapped(rng: Rng, effect: float) -> Finding:
    rows = overlapping(rng, int(effect) if effect else None)
    (found,) = overlap.overlap_findings(rows, STUDY)
    return found


def _world(claim: str, null: str, draw: Any, effects: tuple[float, ...], unit: str) -> World:
    return World("dilemmas", claim, null, f"{N} scenarios", draw, effects, unit)


_SD = "sd between scenarios"
WORLDS = (
    _world("P(defect) hangs on the opponent's last move", "moves exchanged between scenarios",
           opponent, (0.2, 0.4, 0.6, 0.8), "in P(defect)"),
    _world("P(defect) differs from Base", "labels exchanged within scenarios",
           against_base, (0.1, 0.2, 0.3, 0.4), "in P(defect)"),
    _world("a model ends leaning to an action", "actions exchanged between scenarios",
           lean, (0.5, 1, 1.5, 2), _SD),
    _world("a component writes most", "signs drawn at random", written, (0.5, 1, 1.5, 2), _SD),
    _world("a component changes most", "labels exchanged within scenarios",
           changed, (2, 3, 4, 5), _SD),
    _world("a fine-tune loses part of its gap without some weights", "signs drawn at random",
           lost, (0.2, 0.4, 0.6, 0.8), "of the gap"),
    _world("suppressed components raise Δ more than random ones", "components of a kind exchanged",
           suppressed, (0.25, 0.5, 1, 2), "sd of a prompt's effect, each"),
    _world("a circuit carries more of the gap than random sets", "one of the random sets",
           circuit, (0.2, 0.4, 0.6, 0.8), "of the gap (sd of random sets 0.2)"),
    _world("two circuits share more or fewer components than by chance", "random circuits",
           overlapped, (3, 4, 5, 6), "of 6 heads shared, of 20 there"),
)  # fmt: skip
