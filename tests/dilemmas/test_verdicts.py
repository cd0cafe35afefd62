"""Claims of the study on tables of no effect (seldom supported) and of planted ones (supported)."""

import re

import numpy as np
import pandas as pd
import pytest

from microtome.lab.claims import Finding
from microtome.lab.verdicts import judge
from microtome.studies.dilemmas import Dilemmas
from microtome.studies.dilemmas.agreement import agreement
from microtome.studies.dilemmas.attribution import Attribution
from microtome.studies.dilemmas.choices import findings_of
from microtome.studies.dilemmas.circuits import Circuits
from microtome.studies.dilemmas.held_out import circuit_finding
from microtome.studies.dilemmas.lens import findings_of as lens_findings
from microtome.studies.dilemmas.overlap import overlap_findings, overlaps, shared_between
from microtome.studies.dilemmas.players import Pair
from microtome.studies.dilemmas.relations import searched_wordings
from microtome.studies.dilemmas.suppression import pair_finding
from microtome.studies.dilemmas.targets import target_findings, targets
from microtome.studies.dilemmas.two_ways import most_distinct

WORLDS, MOST = 200, 16
"""At most 16 of 200: the 97.5 % point of 5 %."""
N, HEADS = 8, [f"L{i // 4}H{i % 4}" for i in range(12)]
STATES = ("CC", "CD", "DC", "DD")
STUDY = Dilemmas(model="specimen:world", models=("base", "PT2_COREDe"), resamples=199)
DIRECTED = re.compile(
    r"defects (more|less) |leaning to|writes most, for|changes most:|towards the|away from|"
    r", more than|, fewer than|needs the|raise Δ more|both ways between"
)


def supported(*findings: Finding) -> bool:
    """Whether any is, once direction and number are seen to agree in all of them."""
    judged = judge(findings)
    for one in judged:
        held = one.finding.evidence
        assert bool(DIRECTED.search(one.answer)) <= (one.verdict == "supported"), one.answer
        if one.verdict == "supported":
            claim = one.finding.claim
            assert claim
            assert not held.low <= claim.null <= held.high
        assert len(one.answer.split()) <= 25
        assert len(one.finding.answer.split()) <= 25
    return any(one.verdict == "supported" for one in judged)


def choices(rng, shift=0.0):
    """P(defect) of Base and Strategic in eight scenarios; `shift` after a defection."""
    centre = rng.beta(3, 3, (2, N))
    states = [STATES[i % 4] for i in range(N)]
    rows = [
        {"model": model, "scenario": f"s{i}", "variant": v, "state": states[i],
         "p_defect": np.clip(own[i] * (1 - shift) + shift * (states[i][1] == "D"), 0, 1)}
        for model, own in zip(("base", "PT2_COREDe"), centre, strict=True)
        for i in range(N) for v in range(2)
    ]  # fmt: skip
    frame = pd.DataFrame(rows).assign(p_neither=0.0)
    return frame.assign(p_cooperate=1 - frame["p_defect"])


def claims_of(findings, unit):
    return [f for f in findings if f.evidence.unit.startswith(unit)]


def test_choices_that_do_not_differ_are_seldom_said_to():
    on_opponent = on_base = 0
    for seed in range(WORLDS):
        found = findings_of(choices(np.random.default_rng(seed)), "PT2_COREDe", STUDY)
        on_opponent += supported(*claims_of(found, "P(D |"))
        on_base += supported(*claims_of(found, "P(defect) −"))
    assert on_opponent <= MOST
    assert on_base <= MOST
    found = findings_of(choices(np.random.default_rng(0), 0.9), "PT2_COREDe", STUDY)
    assert supported(*claims_of(found, "P(D |"))


def leaning(rng, shift=0.0):
    return pd.DataFrame({
        "scenario": [f"s{i}" for i in range(N)], "variant": 1, "p_neither": 0.0, "settles_at": 2,
        "final_delta": rng.normal(shift, 1, N), "final_action": "defect",
    })  # fmt: skip


@pytest.mark.parametrize(("shift", "word"), [(3.0, "defection"), (-3.0, "cooperation")])
def test_a_lean_is_supported_where_it_is_planted(shift, word):
    found = lens_findings(leaning(np.random.default_rng(0), shift), "Base", 6, STUDY)
    assert supported(*found)
    assert any(f"leaning to {word}" in one.answer for one in judge(found))
    false = sum(
        supported(*lens_findings(leaning(np.random.default_rng(seed)), "Base", 6, STUDY))
        for seed in range(WORLDS)
    )
    assert false <= MOST


def long(values, column, **fields):
    """Values "scenario head" as rows."""
    n, m = values.shape
    return pd.DataFrame({
        "scenario": np.repeat([f"s{i}" for i in range(n)], m), "variant": 1,
        "component": np.tile(HEADS[:m], n), "kind": "head", "layer": 0,
        column: values.ravel(), **fields,
    })  # fmt: skip


def changed(rng, shift=0.0):
    """Contributions of 12 heads in Base and Strategic; one head's differ by `shift`."""
    own = rng.normal(size=(2, N, len(HEADS)))
    own[1, :, 5] += shift
    return pd.concat([
        long(own[0], "contribution", model="base"), long(own[1], "contribution", model="PT2_COREDe")
    ])  # fmt: skip


def test_the_largest_of_equal_components_is_seldom_claimed():
    writes = changes = needed = 0
    for seed in range(WORLDS):
        rng = np.random.default_rng(seed)
        tables = {"attribution_full": changed(rng)}
        base, _, change = Attribution().conclude(STUDY, tables, {}).findings
        writes += supported(base)
        changes += supported(change)
        needed += supported(*weights(rng))
    assert max(writes, changes, needed) <= MOST
    tables = {"attribution_full": changed(np.random.default_rng(0), 9.0)}
    _, _, change = judge(Attribution().conclude(STUDY, tables, {}).findings)
    assert change.verdict == "supported"
    assert "L1H1 changes most: +" in change.answer
    (found,) = judge(weights(np.random.default_rng(0), 2.0))
    assert found.verdict == "supported"
    assert "needs the weights trained in L1H1 most" in found.answer
    (found,) = judge(weights(np.random.default_rng(0), -2.0))
    assert found.verdict != "supported", "what gains without its weights is not needed"


def weights(rng, shift=0.0):
    lost = 0.2 * rng.normal(size=(N, len(HEADS)))
    lost[:, 5] += shift
    frame = long(lost, "without", model="PT2_COREDe", gap=1.0, alone=0.1)
    return target_findings(targets(frame, STUDY), frame, STUDY)


def crossed(rng, shift=0.0):
    """Patches both ways whose effects share their prompts; one head moves Δ both ways."""
    ways = [rng.normal(size=(N, len(HEADS))) for _ in range(2)]
    for way in ways:
        way[:, 5] += shift
    return most_distinct(*(long(way, "towards") for way in ways), STUDY)


def test_a_component_distinguishes_both_ways_only_where_it_is_planted():
    claimed = 0
    for seed in range(WORLDS):
        found = crossed(np.random.default_rng(seed))
        claimed += found.p < 0.05 and found.size.excludes(0) and found.size.value > 0
    assert claimed <= MOST
    found = crossed(np.random.default_rng(0), 3.0)
    assert (found.chosen, found.p < 0.01) == (("L1H1", "L1H1"), True)
    assert found.size.value == pytest.approx(3, abs=1)


def agreed(rng, planted=0.0):
    """Contributions and patches that share the noise of their prompts, and mean nothing else.

    `planted` is what the components that fall raise Δ by when they are put back.
    """
    shared, n = rng.normal(size=(N, len(HEADS))), len(HEADS)
    falls = np.arange(n) < 5
    source = 1 + 0.1 * rng.normal(size=(N, n))
    fall = np.where(falls, -2.0, 2.0) * bool(planted) - shared
    written = long(fall, "difference", contribution_source=source.ravel())
    patched = long(shared + planted * falls, "delta_change")
    return agreement(written, patched, STUDY)


def suppression(found):
    part = pd.DataFrame({
        "pair": "A → B", "kind": "head", "suppressed": True, "restores": True, "claimed": False,
        "test": "mean_is_0", "mean_delta_change": 1.0, "unrelated_rms": 0.1,
    }, index=[0])  # fmt: skip
    return pair_finding(part, found, STUDY, "")


def test_noise_that_chooses_the_suppressed_does_not_measure_them():
    """On the prompts of the choice, put-back noise would agree with itself in most worlds."""
    claimed = sum(supported(suppression(agreed(np.random.default_rng(i)))) for i in range(WORLDS))
    assert claimed <= MOST
    found = agreed(np.random.default_rng(0), 4.0)
    assert supported(suppression(found))
    assert found.size.value == pytest.approx(4 * (1 - 5 / len(HEADS)), abs=1)
    assert found.floor == pytest.approx(1 / 200)


def circuit(rng, f, rank):
    """A circuit that carries `f` of gaps and has this rank among 40 random sets."""
    gap = rng.normal(3, 0.3, N)
    effect = f * gap + 0.3 * rng.normal(size=N)
    held_out = pd.DataFrame({
        "pair": "A → B", "scenario": [f"s{i}" for i in range(N)], "variant": 2, "gap": gap,
        "effect": effect,
    })  # fmt: skip
    line = {"pair": "A → B", "n_members": 4, "n_nodes": 25, "n_held_out": N, "without": 0.1,
            "n_random": 40, "p_random": rank / 41}  # fmt: skip
    return circuit_finding(line, held_out, STUDY)


def test_a_circuit_is_claimed_where_it_carries_more_than_random_sets():
    rngs = map(np.random.default_rng, range(WORLDS))
    assert sum(supported(circuit(rng, 0.5, rng.integers(1, 42))) for rng in rngs) <= MOST
    rng = np.random.default_rng(0)
    assert supported(circuit(rng, 0.8, 1))
    assert not supported(circuit(rng, -0.8, 1)), "the gap grows"
    (few,) = judge([circuit(rng, 0.8, 1)], rate=0.01)
    assert (few.verdict, few.q) == ("inconclusive", None), "40 sets cannot reach 1 %"


def overlapping(rng, shared=None):
    """Two circuits of 6 heads of 20 and 2 MLPs of 5, drawn at random or sharing heads."""
    heads, mlps = [f"L{i // 4}H{i % 4}" for i in range(20)], [f"L{i}_MLP" for i in range(5)]
    one, other = ([*rng.permutation(heads)[:6], *rng.permutation(mlps)[:2]] for _ in range(2))
    if shared is not None:
        rest = [head for head in heads if head not in one]
        other = [*one[:shared], *rest[: 6 - shared], *other[6:]]
    rows = [{"source": "A", "target": "B", "wording": 0, "component": c} for c in one]
    rows += [{"source": "B", "target": "A", "wording": 1, "component": c} for c in other]
    return overlaps(pd.DataFrame(rows), {"head": 20, "mlp": 5})


def test_random_circuits_share_no_more_or_fewer_than_chance():
    rngs = map(np.random.default_rng, range(WORLDS))
    assert sum(supported(*overlap_findings(overlapping(rng), STUDY)) for rng in rngs) <= MOST
    (found,) = judge(overlap_findings(overlapping(np.random.default_rng(1), 6), STUDY))
    assert found.verdict == "supported"
    assert "more than by chance" in found.answer


def searched(rng, units, planted=0):
    """Circuits of both units: the heads that matter most on the very prompts of each search.

    What a head matters on a prompt is the same in both pairs, as their source is; it is noise but
    for `planted` heads, which matter everywhere.
    """
    noise = {}
    rows = []
    for unit in units:
        names = [(p["scenario"], p["variant"]) for p in unit.inputs["prompts"]]
        for name in names:
            noise.setdefault(name, rng.normal(size=20))
        means = np.mean([noise[name] for name in names], 0) + 9 * (np.arange(20) < planted)
        rows += [
            {"source": unit.inputs["source"], "target": unit.inputs["target"],
             "wording": unit.inputs["wording"], "component": f"L{i // 4}H{i % 4}"}
            for i in means.argsort()[-6:]
        ]  # fmt: skip
    return overlap_findings(overlaps(pd.DataFrame(rows), {"head": 20}), STUDY)


def test_circuits_that_are_compared_are_searched_on_different_wordings():
    """Searched on the same ones, heads that matter for a wording alone would be shared in all."""
    one, other = (f"PT2_COREDe:{name}" for name in ("PT3_COREDe", "PT3_COREUt"))
    study = STUDY.model_copy(update={"pairs": (one, other)})
    units = Circuits().units(study)
    rngs = map(np.random.default_rng, range(WORLDS))
    assert sum(supported(*searched(rng, units)) for rng in rngs) <= MOST
    assert supported(*searched(np.random.default_rng(0), units, 6))
    for unit in units:
        seen, held_out = (
            {(p["scenario"], p["variant"]) for p in unit.inputs[name]}
            for name in ("prompts", "held_out")
        )
        assert (len(seen), len(held_out), seen & held_out) == (5, 10, set())


def test_circuits_of_one_wording_are_not_compared():
    rows = [{"source": "A", "target": t, "wording": 0, "component": h} for t in "BC"
            for h in HEADS[:6]]  # fmt: skip
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
    (row,) = overlapping(np.random.default_rng(0))
    p = np.array(row["chance"])
    expected = (p * np.arange(len(p))).sum()
    tail = min(p[shared:].sum(), p[: shared + 1].sum())
    for alpha in (0.01, 0.05, 0.2, 0.5):
        low, high = shared_between(p, shared, alpha)
        assert 0 <= low <= shared <= high <= 8
        assert (not low <= expected <= high) == (2 * tail < alpha)
