"""Claims of the study where an effect is planted: which way it lies, and what names it.

How often they are false without one: tests/test_claims.py, on the same tables.
"""

import math

import numpy as np
import pandas as pd
import pytest
from bench.calibration_claims import supported
from bench.claims import dilemmas as worlds
from bench.claims import patching

from microtome.lab.verdicts import Judged, judge
from microtome.studies.dilemmas.attribution import Attribution
from microtome.studies.dilemmas.both_ways import SIGNS
from microtome.studies.dilemmas.circuits import Circuits
from microtome.studies.dilemmas.effects import towards
from microtome.studies.dilemmas.held_out import circuit_finding
from microtome.studies.dilemmas.overlap import overlap_findings, overlaps, shared_between
from microtome.studies.dilemmas.players import Pair
from microtome.studies.dilemmas.relations import searched_wordings
from microtome.studies.dilemmas.two_ways import most_distinct

STUDY = worlds.STUDY
TABLES, MOST = 200, 16
"""At most 16 of 200: the 97.5 % point of 5 %."""


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def of(draw, effect) -> Judged:
    """A claim by itself, with an effect planted."""
    (one,) = judge([draw(rng(), effect)])
    return one


def test_a_defection_that_follows_the_opponents_is_said_to():
    found = of(worlds.opponent, 0.9)
    assert found.verdict == "supported"
    assert "defects more after the opponent defected" in found.answer


@pytest.mark.parametrize(("shift", "word"), [(3.0, "defection"), (-3.0, "cooperation")])
def test_a_lean_is_supported_where_it_is_planted(shift, word):
    found = of(worlds.lean, shift)
    assert found.verdict == "supported"
    assert f"leaning to {word}" in found.answer


def test_the_largest_component_is_named_where_it_is_planted():
    tables = {"attribution_full": worlds.contributions(rng(), 9.0)}
    _, _, change = judge(Attribution().conclude(STUDY, tables, {}).findings)
    assert change.verdict == "supported"
    assert "L1H1 changes most: +" in change.answer
    found = of(worlds.lost, 2.0)
    assert found.verdict == "supported"
    assert "needs the weights trained in L1H1 most" in found.answer
    found = of(worlds.lost, -2.0)
    assert found.verdict != "supported", "what gains without its weights is not needed"


def test_a_component_distinguishes_both_ways_only_where_it_is_planted():
    assert of(patching.distinct, 9.0).verdict == "supported"
    assert of(patching.one_way, 0.0).verdict != "supported", "it moves Δ one way alone"
    ways = np.random.default_rng(0).normal(size=(2, patching.N, 12))
    ways[:, :, 5] += 3
    tables = [towards(patching.patches(way, np.ones(patching.N))) for way in ways]
    found = most_distinct(*tables, patching.STUDY)
    assert (found.chosen, found.p < 0.01) == (("L1H1", "L1H1"), True)
    assert found.size.value == pytest.approx(3, abs=1)


def test_exchanged_labels_are_no_null_of_a_swap():
    """What carries the gap moves Δ towards the source, whichever of the two is called that."""
    gap = 3 + np.arange(patching.N)
    carries = np.zeros((patching.N, 20))
    carries[:, 9] = 5 + 0.1 * gap
    for turned in (gap, -gap, gap * (-1) ** np.arange(patching.N)):
        values = towards(patching.patches(carries, turned)).groupby("component")["towards"].mean()
        assert values["L2H1"] > 5
    (claim,) = (patching.distinct(rng(), 0.0).claim,)
    assert claim.false_in == SIGNS


def test_noise_that_chooses_the_suppressed_does_not_measure_them():
    """On the prompts of the choice, put-back noise would agree with itself in most worlds."""
    assert of(worlds.suppressed, 4.0).verdict == "supported"
    found = worlds.agreed(rng(), 4.0)
    assert found.size.value == pytest.approx(4 * (1 - 5 / len(worlds.HEADS)), abs=1)
    assert found.floor == pytest.approx(1 / math.comb(12, 5)), "of as many choices of 5 heads"


def test_a_circuit_is_claimed_where_it_carries_more_than_random_sets():
    assert of(worlds.circuit, 0.9).verdict == "supported"
    assert of(worlds.circuit, -1.5).verdict != "supported", "the gap grows"
    (few,) = judge([worlds.circuit(rng(), 0.9)], rate=0.001)
    assert (few.verdict, few.q) == ("inconclusive", None), "199 sets cannot reach 0.1 %"


@pytest.mark.parametrize("reached", [1, 80])
def test_a_circuit_needs_a_share_and_one_beyond_random_sets(reached):
    """f of nothing beyond random sets that carry less is nothing; p is the larger of both."""
    frame = pd.DataFrame({
        "pair": "A → B", "scenario": [f"s{i}" for i in range(8)], "variant": 2, "gap": 3.0,
    })  # fmt: skip
    line = {"pair": "A → B", "n_members": 4, "n_nodes": 25, "n_held_out": 8, "without": 0.1,
            "n_random": 199, "p_random": reached / 200}  # fmt: skip
    for f in (0.0, 0.8):
        noise = np.random.default_rng(0).normal(size=8)
        own = frame.assign(effect=3 * f + 0.3 * (noise - noise.mean()))
        claim = circuit_finding(line, own, STUDY).claim
        assert claim.p == pytest.approx(1.0) if f == 0 else claim.p == reached / 200


def test_circuits_that_share_all_they_can_share_more_than_chance():
    (found,) = judge(overlap_findings(worlds.overlapping(np.random.default_rng(1), 6), STUDY))
    assert found.verdict == "supported"
    assert "more than by chance" in found.answer


def searched(draws, units, planted=0):
    """Circuits of both units: the heads that matter most on the very prompts of each search.

    What a head matters on a prompt is the same in both pairs, as their source is; it is noise but
    for `planted` heads, which matter everywhere.
    """
    noise = {}
    rows = []
    for unit in units:
        names = [(p["scenario"], p["variant"]) for p in unit.inputs["prompts"]]
        for name in names:
            noise.setdefault(name, draws.normal(size=20))
        means = np.mean([noise[name] for name in names], 0) + 9 * (np.arange(20) < planted)
        rows += [
            {"source": unit.inputs["source"], "target": unit.inputs["target"],
             "wording": unit.inputs["wording"], "component": f"L{i // 4}H{i % 4}"}
            for i in means.argsort()[-6:]
        ]  # fmt: skip
    (found,) = overlap_findings(overlaps(pd.DataFrame(rows), {"head": 20}), STUDY)
    return found


def test_circuits_that_are_compared_are_searched_on_different_wordings():
    """Searched on the same ones, heads that matter for a wording alone would be shared in all."""
    one, other = (f"PT2_COREDe:{name}" for name in ("PT3_COREDe", "PT3_COREUt"))
    study = STUDY.model_copy(update={"pairs": (one, other)})
    units = Circuits().units(study)
    draws = map(np.random.default_rng, range(TABLES))
    assert sum(supported(searched(one, units)) for one in draws) <= MOST
    assert supported(searched(rng(), units, 6))
    for unit in units:
        seen, held_out = (
            {(p["scenario"], p["variant"]) for p in unit.inputs[name]}
            for name in ("prompts", "held_out")
        )
        assert (len(seen), len(held_out), seen & held_out) == (5, 10, set())


def test_circuits_of_one_wording_are_not_compared():
    rows = [{"source": "A", "target": t, "wording": 0, "component": h} for t in "BC"
            for h in worlds.HEADS[:6]]  # fmt: skip
    (found,) = judge(overlap_findings(overlaps(pd.DataFrame(rows), {"head": 12}), STUDY))
    assert (found.verdict, found.q) == ("inconclusive", None)
    assert "same wordings" in found.finding.evidence.detail


def test_related_pairs_take_different_wordings_as_far_as_there_are():
    pairs = [Pair(*text) for text in ("AB", "CD", "AC", "BA", "AD")]
    assert searched_wordings(pairs, 3) == (0, 0, 1, 1, 2)
    assert searched_wordings(pairs, 1) == (0,) * 5


@pytest.mark.parametrize("shared", range(9))
def test_the_interval_of_what_is_shared_is_dual_to_its_p(shared):
    """It leaves the chance value out exactly where twice the smaller tail is below alpha."""
    (row,) = worlds.overlapping(np.random.default_rng(0))
    p = np.array(row["chance"])
    expected = (p * np.arange(len(p))).sum()
    tail = min(p[shared:].sum(), p[: shared + 1].sum())
    for alpha in (0.01, 0.05, 0.2, 0.5):
        low, high = shared_between(p, shared, alpha)
        assert 0 <= low <= shared <= high <= 8
        assert (not low <= expected <= high) == (2 * tail < alpha)
