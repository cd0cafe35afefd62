"""Tables of patches between two fine-tunes: their gap, single components, named ones, both ways."""

from typing import Any

import numpy as np
import pandas as pd

from bench.claims.world import Rng, World
from microtome.lab.claims import Finding
from microtome.statistics import Columns, Interval
from microtome.studies.dilemmas import Dilemmas, singles
from microtome.studies.dilemmas.across import Across
from microtome.studies.dilemmas.both_ways import two_way_finding
from microtome.studies.dilemmas.design import PLACE, mean_over, p_values, tested
from microtome.studies.dilemmas.effects import _effect, peer_ranks, towards
from microtome.studies.dilemmas.largest import Largest
from microtome.studies.dilemmas.largest import largest as most
from microtome.studies.dilemmas.two_ways import most_distinct

N = 8
HEADS = [f"L{i // 4}H{i % 4}" for i in range(20)]
ONE, OTHER, NAMED = "PT2_COREDe", "PT3_COREDe", "L2H1"
STUDY = Dilemmas(
    model="specimen:world", models=(ONE, OTHER), pairs=(f"{ONE}:{OTHER}", f"{OTHER}:{ONE}"),
    named=(NAMED,),
)  # fmt: skip
_ROWS = [{"component": name, "unrelated_rms": 0.0} for name in HEADS]
_COUNTS = {"opposite_gaps": 0, "n_silent": N, "receiver_silent": N}


def patches(
    effects: np.ndarray, gap: np.ndarray, source: str = ONE, target: str = OTHER
) -> pd.DataFrame:
    """Effects "scenario head" towards the source where the two differ by `gap` "scenario"."""
    n, m = effects.shape
    change = (np.sign(gap)[:, None] * effects).ravel()
    ends = np.repeat(gap, m)
    return pd.DataFrame({
        "source": source, "target": target, "scenario": np.repeat([f"s{i}" for i in range(n)], m),
        "variant": 1, "component": np.tile(HEADS[:m], n), "kind": "head", "layer": 0,
        "baseline_delta": -1.0, "donor_delta": ends - 1.0, "baseline_neither": 0.0,
        "donor_neither": 0.0, "patched_delta": change - 1.0, "delta_change": change,
        "effect": change, "action_flipped": False, "unrelated_rms": 0.0,
    })  # fmt: skip


def wide(effects: np.ndarray) -> pd.DataFrame:
    """The same effects as `by_component` has them."""
    n, m = effects.shape
    index = pd.MultiIndex.from_product([[f"s{i}" for i in range(n)], [1]], names=PLACE)
    return pd.DataFrame(effects, index=index, columns=HEADS[:m])


def _pair(gaps: Interval, top: Largest | None, test: Columns) -> Across:
    """A pair of models as the study's findings read it."""
    return Across(ONE, OTHER, gaps, top, test, _COUNTS, None)


def gap(rng: Rng, effect: float) -> Finding:
    """Two models whose Δ differ by `effect` sd on average, whoever is called the source."""
    frame = towards(patches(np.zeros((N, 1)), rng.normal(effect, 1, N)))
    test = Columns(*([np.ones(0)] * 3), "mean_is_0", 0.0, N, *([np.ones(0)] * 2))
    return singles._gap(_pair(mean_over(frame, "gap", STUDY), None, test), STUDY)


def swaps(rng: Rng, effect: float, level: float = 0.0) -> np.ndarray:
    """Effects of twenty heads; the named one's larger by `effect`."""
    values = level + rng.standard_t(3, size=(N, len(HEADS)))
    values[:, HEADS.index(NAMED)] += effect
    return values


def largest(rng: Rng, effect: float) -> Finding:
    """Twenty heads whose swaps move Δ either way; one moves it towards the source."""
    table = wide(swaps(rng, effect))
    test = tested(table, STUDY)
    pair = _pair(Interval(0.0, None, None, STUDY.level, N, N), most(table, STUDY, test), test)
    return singles._single(pair, _ROWS, STUDY)


def named(rng: Rng, effect: float) -> Finding:
    """Twenty heads that all move Δ towards the source, the named one by more."""
    frame = towards(patches(swaps(rng, effect, level=3.0), rng.normal(0, 3, N)))
    row = _effect(frame[frame["component"] == NAMED], STUDY)
    return singles._rank(row | peer_ranks(frame, STUDY)[NAMED])


def distinct(rng: Rng, effect: float, *, into: float = 0.0) -> Finding:
    """Swaps both ways; one head moves Δ towards its owner both ways, or `into` one way alone."""
    ways = rng.normal(size=(2, N, 12))
    ways[:, :, 5] += np.array([[effect + into], [effect]])
    p = [p_values(tested(wide(way), STUDY)) for way in ways]
    one, other = ways.mean(1)
    rows = [
        {"first": ONE, "second": OTHER, "component": name, "first_into_second": one[i],
         "second_into_first": other[i], "p_both": max(p[0][i], p[1][i]), "unrelated_rms": 0.0,
         "distinguishes": False}
        for i, name in enumerate(HEADS[:12])
    ]  # fmt: skip
    tables = [towards(patches(way, np.ones(N))) for way in ways]
    return two_way_finding(rows, most_distinct(*tables, STUDY), STUDY)


def one_way(rng: Rng, effect: float) -> Finding:
    return distinct(rng, effect, into=4.0)


def _world(
    claim: str, null: str, draw: Any, effects: tuple[float, ...] = (), unit: str = ""
) -> World:
    return World("dilemmas", claim, null, f"{N} scenarios", draw, effects, unit)


_SD = "sd between scenarios"
WORLDS = (
    _world("the mean Δ of a pair differ", "labels exchanged within scenarios",
           gap, (0.5, 1, 1.5, 2), _SD),
    _world("a component swapped alone changes Δ most", "signs of effects drawn at random",
           largest, (4, 6, 8, 10), "logits (t with 3 degrees of freedom)"),
    _world("a named component is unlike others of its kind", "another of its kind in its place",
           named, (1, 2, 3, 4), "logits (t with 3 degrees of freedom)"),
    _world("a component moves Δ towards its owner both ways", "signs of effects drawn at random",
           distinct, (2, 3, 4, 5), _SD),
    _world("a component moves Δ towards its owner both ways", "one head moves it, one way alone",
           one_way),
)  # fmt: skip
