"""Estimates against their definitions, against the exact effects, and where they must fail."""

from dataclasses import replace
from functools import cache
from tempfile import mkdtemp

import pytest
import torch
from sklearn.metrics import roc_auc_score

import microtome as mt
from microtome import Replace, attn_out, head_out, k, mlp_act, mlp_out, q, resid_post, v
from microtome.methods.patching import (
    Screen,
    attribution_patching,
    integrated_gradients,
    screen,
    verify,
)
from microtome.methods.patching.verify import most_exceeding
from microtome.specimens.planted import Planted
from tests.model.families import params

CLEAN, CORRUPT = "I cooperate now", "I defected  now"
NODES = [head_out[:, :], mlp_out[:]]
# Architecture, β, OR-gate; signed AUROC of AtP at least and at most. IG and exact: 1 everywhere.
PLANTED = [
    ("gpt2", 3.0, False, 0.98, 1.0),
    ("gpt2", 20.0, False, 0.60, 0.75),
    ("gpt2", 3.0, True, 0.10, 0.35),
    ("gemma2", 3.0, False, 0.85, 1.0),
    ("gemma2", 20.0, False, 0.70, 0.95),
    ("gemma2", 3.0, True, 0.25, 0.60),
]


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


@cache
def planted_case(architecture, beta, gate, corruption, n=6):
    """A loaded planted model with its denoising arguments and its truth."""
    planted = Planted(architecture, beta=beta, or_gate=gate)
    model = mt.load(str(planted.save(mkdtemp())))
    pairs = planted.prompts(n, corruption, seed=1)
    directions = [model.direction(p.answer.strip(), p.other.strip()) for p in pairs]
    texts = [p.corrupt for p in pairs], [p.clean for p in pairs]
    return (model, *texts, NODES, directions), planted.truth(corruption)


def signed_auroc(values, nodes, truth):
    """Mean over prompts. Denoising effects are positive: one that seems to harm is not found."""
    right = [node in truth for node in nodes]
    return sum(roc_auc_score(right, row) for row in values) / len(values)


def test_atp_is_the_slope_of_the_exact_effect(model):
    """Every kind of node: AtP = (m(receiver ← c + ε·difference) − m(receiver)) / ε."""
    sites = [head_out[1, 2], attn_out[0], mlp_out[1], resid_post[1], q[1, 0], k[1, 0], v[0, 1],
             mlp_act[2]]  # fmt: skip
    direction = model.direction(50, 60)
    found = attribution_patching(model, CORRUPT, CLEAN, sites, direction, post_norm="exact")
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    receiver, donor = (model.run(t, read=sites) for t in (CORRUPT, CLEAN))
    for n, site in enumerate(sites):
        ends = []
        for size in (0.02, -0.02):
            if site.kind == "head_out":
                from microtome.model.edit import RawReplace

                own, other = receiver.head_write(site), donor.head_write(site)
                edit = RawReplace(site, own + size * (other - own))
            else:
                edit = Replace(site, receiver[site] + size * (donor[site] - receiver[site]))
            logits = model.run(CORRUPT, write=edit, logits="last").logits[0]
            ends.append(float(logits[50] - logits[60]))
        slope = (ends[0] - ends[1]) / 0.04
        assert float(found.values[0, n]) == pytest.approx(slope, abs=2e-3, rel=2e-2), site


def test_integrated_gradients_close_their_path(model):
    for over in ("inputs", "activations"):
        found = integrated_gradients(
            model, [CORRUPT, CLEAN], [CLEAN, CORRUPT], NODES, model.direction(50, 60), over=over
        )
        assert all(a.passed for a in found.audit), [str(a) for a in found.audit]


def test_over_activations_a_node_alone_in_its_layer_gets_its_exact_effect(model):
    """The fundamental theorem: alone on its path, IG is the effect itself."""
    direction = model.direction(50, 60)
    found = integrated_gradients(
        model, CORRUPT, CLEAN, mlp_out[:], direction, over="activations", steps=64
    )
    exact = mt.patch(model, CORRUPT, CLEAN, mlp_out[:], direction)
    torch.testing.assert_close(found.values, exact.effects, atol=2e-3, rtol=1e-2)


def test_between_adapters_estimates_follow_the_exact_swap(checkpoint, adapter):
    base = mt.load(str(checkpoint("gemma2")))
    a, b = (base.with_adapter(adapter("gemma2", s)) for s in (1, 2))
    case = (b, CLEAN, a, NODES, base.direction(50, 60))
    found = verify(*case, k=15, sample=0)
    assert set(found.screen.estimates) == {"atp_receiver", "atp_donor"}
    paths = screen(*case, kinds=["atp_receiver", "ig_activations"])
    both = verify(*case, k=15, sample=0, screened=paths).correlation
    assert both["ig_activations"] > 0.8 > both["atp_receiver"] > 0.4
    assert found.unseen == 0
    assert "nothing was left" in found.statement


def test_padded_rows_are_estimated_like_single_ones(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    texts = (["abc", CORRUPT], ["abd", CLEAN])
    together = attribution_patching(model, *texts, NODES, model.direction(50, 60))
    for row, (receiver, donor) in enumerate(zip(*texts, strict=True)):
        alone = attribution_patching(model, receiver, donor, NODES, model.direction(50, 60))
        torch.testing.assert_close(together.values[row], alone.values[0], atol=1e-5, rtol=1e-3)


def test_an_unknown_estimate_is_refused(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    with pytest.raises(mt.MicrotomeError, match="Did you mean 'atp_donor'"):
        screen(model, CORRUPT, CLEAN, NODES, model.direction(50, 60), kinds=["atp_doner"])


def test_the_same_inputs_have_no_path(checkpoint, adapter):
    base = mt.load(str(checkpoint("llama")))
    other = base.with_adapter(adapter("llama", 1))
    with pytest.raises(mt.MicrotomeError, match="over='activations'"):
        integrated_gradients(base, CLEAN, other, NODES, base.direction(50, 60))


@pytest.mark.medium
@pytest.mark.parametrize(("architecture", "beta", "gate", "least", "most"), PLANTED)
def test_planted_nodes_are_ranked_as_theory_says(architecture, beta, gate, least, most):
    """AtP fails behind a saturated softmax and on redundant branches; paths and patches do not."""
    case, truth = planted_case(architecture, beta, gate, "keys")
    exact = mt.patch(*case, audited=False)
    assert signed_auroc(exact.effects, exact.nodes, truth) == 1.0
    atp = attribution_patching(*case)
    assert least <= signed_auroc(atp.values, atp.nodes, truth) <= most
    for over in ("inputs", "activations"):
        found = integrated_gradients(*case, over=over)
        assert signed_auroc(found.values, found.nodes, truth) == 1.0, over


@pytest.mark.parametrize("architecture", ["gpt2", pytest.param("gemma2", marks=pytest.mark.medium)])
def test_the_known_miss_of_atp_is_caught_by_verification(architecture):
    case, truth = planted_case(architecture, 20.0, False, "keys")
    found = verify(*case, k=4, sample=6)
    gap = float((found.patching.donor - found.patching.baseline).mean())
    assert abs(dict(found.screen.estimates["atp_receiver"].top(20))["L0H0"]) < 0.15 * gap
    assert found.effects["L0H0"] > 0.95 * gap
    assert "L0H0" in found.missed_by("atp_receiver")
    assert "L0H0" in found.top_nodes, "IG over inputs puts it into the screen"
    assert truth <= set(found.effects)
    assert set(dict(found.top(3))) == truth


def test_what_the_screen_misses_shows_in_the_sample():
    """A screen that sees nothing leaves the circuit to the sample, which then reports it."""
    case, truth = planted_case("gpt2", 20.0, False, "keys")
    atp = attribution_patching(*case)
    blind = Screen({atp.kind: replace(atp, values=torch.zeros_like(atp.values))}, atp.audit)
    n = len(atp.nodes)
    found = verify(*case, k=1, sample=n - 1, screened=blind)
    assert set(found.missed) == truth - set(found.top_nodes)
    none = verify(*case, k=1, sample=0, screened=blind)
    assert none.missed == ()
    assert none.exceeding == none.unseen == n - 1


def test_nothing_is_missed_by_more_than_the_bound_says():
    """The bound by simulation: K marked nodes escape a sample of n with chance below 5 %."""
    generator = torch.Generator().manual_seed(0)
    for rest, sampled in ((16, 6), (100, 20), (200, 59)):
        bound = most_exceeding(rest, sampled, 0.95)
        escaped = [
            bool((torch.randperm(rest, generator=generator)[:sampled] > bound).all())
            for _ in range(2000)
        ]  # bound + 1 nodes (0 ... bound) are large: seeing none of them must be rare
        assert sum(escaped) / len(escaped) < 0.065
    assert most_exceeding(20, 20, 0.95) == 0
    assert most_exceeding(20, 0, 0.95) == 20
