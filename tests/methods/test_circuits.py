"""Circuits against the planted truth, their definition by hand, and the cut that is no circuit."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import microtome as mt
from microtome import Replace, head_out, mlp_out
from microtome.methods.patching import (
    CircuitDiscovery,
    assess_circuit,
    faithfulness_curve,
    find_circuit,
    greedy_flip,
)
from tests.methods.test_estimates import CLEAN, CORRUPT, NODES, planted_case

ONE = [("gpt2", 3.0), ("gemma2", 20.0)]
GATED = [pytest.param("gpt2"), pytest.param("gemma2", marks=pytest.mark.medium)]


def noising(architecture, beta, gate, corruption):
    """The clean prompts as receiver and the corrupt ones as donor."""
    (model, corrupt, clean, sites, directions), truth = planted_case(
        architecture, beta, gate, corruption
    )
    return (model, clean, corrupt, sites, directions), truth


@pytest.mark.parametrize("corruption", ["keys", "queries", "values"])
@pytest.mark.parametrize(("architecture", "beta"), ONE)
def test_the_circuit_is_the_truth_of_the_corruption(architecture, beta, corruption):
    case, truth = noising(architecture, beta, False, corruption)
    found = find_circuit(*case, n_random=20)
    assert set(found.members) == truth
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    assert found.faithfulness == pytest.approx(1, abs=0.1)
    assert found.without == pytest.approx(0, abs=0.1)
    assert found.gap < 0.1
    assert max(found.leave_one_out.values()) < 0.1, "no member can go"


@pytest.mark.parametrize("architecture", GATED)
def test_the_or_gate_needs_both_branches_for_the_difference(architecture):
    """Each branch carries half of Δ, so τ = 0.9 asks for both and τ = 0.4 for either."""
    case, truth = noising(architecture, 8.0, True, "keys")
    whole = find_circuit(*case, n_random=5)
    assert set(whole.members) == truth
    half = find_circuit(*case, tau=0.4, n_random=5)
    branches = ({"L0H0", "L1H0", "L2_MLP"}, {"L0H2", "L1H2", "L2_MLP"})
    assert set(half.members) in branches
    assert half.without == pytest.approx(0, abs=0.1), "the shared MLP is out of the rest"
    heads = [node for node in half.members if "H" in node]
    alone = assess_circuit(*case, heads, n_random=0)
    assert alone.without == pytest.approx(0.5, abs=0.1), "the other branch still works"


def test_p_and_f_are_taken_where_nothing_was_searched():
    """Four prompts choose the circuit, the two others say what it is worth."""
    (model, clean, corrupt, sites, directions), truth = noising("gpt2", 3.0, False, "keys")
    searched = find_circuit(model, clean[:4], corrupt[:4], sites, directions[:4], n_random=10)
    assert set(searched.members) == truth
    assert searched.random
    assert searched.beaten_by_random is None, "its own prompts give no p"
    others = (model, clean[4:], corrupt[4:], sites, directions[4:])
    found = assess_circuit(*others, searched.members, n_random=50)
    assert max(found.random) < 0.5 < found.faithfulness
    assert found.beaten_by_random == pytest.approx(1 / 51)


def test_gaps_of_opposite_signs_do_not_cancel(checkpoint):
    """Two prompts exchanged with each other: Σ sign(gap)·effect / Σ|gap|, by hand."""
    model = mt.load(str(checkpoint("gemma2")))
    texts = ([CLEAN, CORRUPT], [CORRUPT, CLEAN])
    members = {"L0H1", "L1_MLP", "L2H0"}
    donor = model.run(texts[1], read=NODES)
    sites = [s for node in NODES for s in node.expand(model.parts.sizes)]

    def logits(kept):
        edits = [Replace(s, donor) for s in sites if s.component not in kept]
        return model.run(texts[0], write=edits, logits="last").logits.double()

    ends = logits({s.component for s in sites}) - logits(set())
    apart = (ends[0] - ends[1])[:259]
    up, down = int(apart.argmax()), int(apart.argmin())
    found = assess_circuit(model, *texts, NODES, model.direction(up, down), members, n_random=0)
    gaps = ends[:, up] - ends[:, down]
    assert gaps[0] * gaps[1] < 0, "one gap leads up, the other down"
    alone = logits(members) - logits(set())
    effects = alone[:, up] - alone[:, down]
    expected = float((gaps.sign() * effects).sum() / gaps.abs().sum())
    assert found.faithfulness == pytest.approx(expected, abs=1e-3)
    assert abs(expected - float(effects.sum() / gaps.sum())) > 0.1, "the ratio of means is another"
    assert found.effects == pytest.approx(effects.tolist(), abs=1e-4)
    assert found.gaps == pytest.approx(gaps.tolist(), abs=1e-4)


def test_nodes_are_ranked_by_what_they_do_towards_the_donor(checkpoint):
    """The exact effects, each signed towards its donor, whichever way that lies."""
    model = mt.load(str(checkpoint("gemma2")))
    texts, direction = ([CLEAN, CORRUPT], [CORRUPT, CLEAN]), model.direction(50, 60)
    order = faithfulness_curve(model, *texts, NODES, direction).order
    there, back = (mt.patch(model, *pair, NODES, direction) for pair in (texts, texts[::-1]))
    size = np.zeros(len(order))
    for found in (there, back):
        sign = np.sign(found.donor - found.baseline).numpy()[:, None]
        size = np.maximum(size, np.abs((sign * found.effects.numpy()).mean(0)))
    expected = np.array(there.nodes)[np.argsort(-size, kind="stable")]
    assert list(order) == expected.tolist()


@pytest.mark.parametrize("architecture", GATED)
def test_the_greedy_cut_is_no_circuit(architecture):
    """It flips the answer with one late node, which alone explains nothing."""
    (model, clean, corrupt, sites, directions), truth = noising(architecture, 3.0, False, "keys")
    found = greedy_flip(model, corrupt[0], clean[0], sites, directions[0])
    assert found.flipped
    assert len(found.minimal_circuit) < len(truth)
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    cut = assess_circuit(model, clean, corrupt, sites, directions, found.minimal_circuit)
    assert cut.faithfulness < 0.1
    assert cut.gap > 0.9
    assert not cut.found


def test_greedy_patches_pile_up_until_the_sign_changes(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    clean, corrupt = (model.run(t).logits[0, -1, :259] for t in (CLEAN, CORRUPT))
    ours, theirs = (x[:, None] - x[None, :] for x in (clean, corrupt))
    up, down = divmod(int(torch.minimum(ours, -theirs).argmax()), 259)  # they disagree the most
    direction = model.direction(up, down)
    found = greedy_flip(model, CORRUPT, CLEAN, NODES, direction, max_components=15)
    order = [mt.parse_site(name) for name, _ in found.ranked_components]
    assert len(found.all_patches) == len(order) == model.n_layers * (model.n_heads + 1)
    donor = model.run(CLEAN, read=NODES)
    for step, delta in enumerate(found.trajectory, start=1):
        edits = [Replace(site, donor) for site in order[:step]]
        out = model.run(CORRUPT, write=edits).logits[0, -1]
        assert delta == pytest.approx(float(out[up] - out[down]), abs=1e-4)
    signs = [delta > 0 for delta in found.trajectory]
    before = float(found.patching.baseline[0]) > 0
    assert signs[:-1] == [before] * (len(signs) - 1)
    assert found.flipped
    assert signs[-1] != before
    table = found.table()
    assert list(table["flipped"]) == [sign != before for sign in signs]
    assert list(table["component"]) == [site.component for site in order[: len(signs)]]


@pytest.mark.parametrize(("before", "after"), [(-0.4, 0.3), (0.4, -0.3), (3.0, -0.01)])
def test_any_change_of_sign_flips_however_small(checkpoint, before, after):
    model = mt.load(str(checkpoint("gpt2")))
    single = mt.patch(model, CORRUPT, CLEAN, mlp_out[:], model.direction(50, 60), audited=False)
    single = replace(single, baseline=torch.tensor([before]))
    ranked = (("L0_MLP", before / 2), ("L1_MLP", after - before), ("L2_MLP", 0.0))
    found = CircuitDiscovery(ranked, ("L0_MLP", "L1_MLP"), (before / 2, after), single, ())
    assert [row["flipped"] for row in found.rows()] == [False, True]


def test_faithfulness_is_its_definition(checkpoint):
    """Every node outside the set replaced by hand, in a batch with padding."""
    model = mt.load(str(checkpoint("gemma2")))
    texts = ([CLEAN, "abc"], [CORRUPT, "abd"])
    direction = model.direction(50, 60)
    members = {"L0H1", "L1_MLP", "L2H0"}
    found = assess_circuit(model, *texts, NODES, direction, members, n_random=3)
    donor = model.run(texts[1], read=NODES)
    sites = [s for node in NODES for s in node.expand(model.parts.sizes)]

    def mean(kept):
        edits = [Replace(s, donor) for s in sites if s.component not in kept]
        logits = model.run(texts[0], write=edits, logits="last").logits.double()
        return float((logits[:, 50] - logits[:, 60]).mean())

    everything = {s.component for s in sites}
    full, empty = mean(everything), mean(set())
    assert found.full == pytest.approx(full, abs=1e-5)
    assert found.empty == pytest.approx(empty, abs=1e-5)

    def f(kept):
        return pytest.approx((mean(kept) - empty) / (full - empty), abs=1e-3)

    assert found.faithfulness == f(members)
    assert found.without == f(everything - members)
    assert found.leave_one_out["L0H1"] == f(members - {"L0H1"})
    assert found.knocked_out["L1_MLP"] == f(everything - {"L1_MLP"})


def test_a_circuit_between_two_adapters_is_locally_minimal(checkpoint, adapter):
    base = mt.load(str(checkpoint("gemma2")))
    a, b = (base.with_adapter(adapter("gemma2", s)) for s in (1, 2))
    found = find_circuit(a, [CLEAN, CORRUPT], b, NODES, base.direction(50, 60), n_random=5)
    assert found.found
    assert max(found.leave_one_out.values()) < found.tau
    donor = b.run([CLEAN, CORRUPT], logits="last").logits.double()
    empty = float((donor[:, 50] - donor[:, 60]).mean())
    assert found.empty == pytest.approx(empty, abs=1e-4), "all nodes swapped is the donor"


def test_the_curve_has_the_areas_of_the_benchmark():
    case, truth = noising("gpt2", 3.0, False, "keys")
    good = faithfulness_curve(*case)
    assert set(good.top(3)) == truth
    fractions = np.array(good.fractions)
    steps = np.diff(fractions)
    f = np.array(good.faithfulness)
    assert good.cpr == pytest.approx(float((steps * (f[1:] + f[:-1]) / 2).sum()))
    off = np.abs(1 - f)
    assert good.cmd == pytest.approx(float((steps * (off[1:] + off[:-1]) / 2).sum()))
    assert good.faithfulness[0] == pytest.approx(0)
    assert good.faithfulness[-1] == pytest.approx(1)
    bad = faithfulness_curve(*case, ranking=good.order[::-1])
    assert bad.cpr < good.cpr
    assert bad.cmd > good.cmd


def test_what_cannot_be_explained_is_refused(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    direction = model.direction(50, 60)
    with pytest.raises(mt.MicrotomeError, match="answers differently"):
        find_circuit(model, CLEAN, CLEAN, NODES, direction)
    with pytest.raises(mt.MicrotomeError, match="L9H9"):
        assess_circuit(model, CLEAN, CORRUPT, NODES, direction, ["L9H9"])
    with pytest.raises(mt.MicrotomeError, match="rank every node once"):
        find_circuit(model, CLEAN, CORRUPT, NODES, direction, ranking=["L0H0"])
    with pytest.raises(mt.MicrotomeError, match="tau"):
        find_circuit(model, CLEAN, CORRUPT, NODES, direction, tau=1.5)
    with pytest.raises(mt.MicrotomeError, match="one prompt"):
        greedy_flip(model, [CLEAN, CLEAN], CORRUPT, NODES, direction)


def test_tables_show_what_was_found(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    found = assess_circuit(
        model, CLEAN, CORRUPT, [head_out[:, :], mlp_out[:]], model.direction(50, 60), ["L0H0"]
    )
    assert list(found.table()["component"]) == ["L0H0"]
    assert "nothing replaced" in found._repr_html_()
    assert torch.isfinite(torch.tensor(found.top(1)[0][1]))
