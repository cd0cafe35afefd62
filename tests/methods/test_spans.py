"""Spans carry a donor of another length to the receiver's positions, and nothing else."""

import pytest
import torch

import microtome as mt
from microtome import Replace, attn_pattern, head_out, mlp_out, resid_post
from microtome.methods.patching import align, integrated_gradients, screen
from tests.model.families import params

RECEIVER, DONOR = "they defected so I go", "she cooperated so I go"
SPANS = [((1, 5), (1, 4)), ((6, 14), (5, 15))]
SITES = [head_out[:, :], mlp_out[:], resid_post[:]]


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def test_aligned_patches_are_the_donors_tokens_by_hand(model):
    aligned = align(model, RECEIVER, DONOR, SITES, SPANS)
    assert aligned.pairs[:3] == ((2, 1), (3, 2), (4, 3)), "last tokens of an unequal span"
    assert len(aligned.pairs) == 3 + 8
    found = mt.patch(model, RECEIVER, aligned.donor, SITES, model.direction(50, 60),
                     positions=aligned.positions)  # fmt: skip
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    receiver, donor = model.run(RECEIVER, read=SITES), model.run(DONOR, read=SITES)
    logits = donor.logits[0, -1]
    assert float(found.donor[0]) == pytest.approx(float(logits[50] - logits[60]), abs=1e-5)
    for site in (mlp_out[1], resid_post[0]):
        value = receiver[site].clone()
        for own, other in aligned.pairs:
            value[:, own] = donor[site][:, other]
        plain = model.run(RECEIVER, write=Replace(site, value), logits="last").logits[0]
        patched = found.patched[0, found.nodes.index(site.component)]
        assert float(patched) == pytest.approx(float(plain[50] - plain[60]), abs=1e-5)


def test_a_prompt_aligned_with_itself_changes_nothing(model):
    whole = (0, len(RECEIVER) + 1)
    aligned = align(model, RECEIVER, RECEIVER, SITES, [(whole, whole)])
    found = mt.patch(model, RECEIVER, aligned.donor, SITES, model.direction(50, 60),
                     positions=aligned.positions)  # fmt: skip
    assert float(found.effects.abs().max()) < 1e-5


def test_estimates_take_aligned_donors(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    aligned = align(model, RECEIVER, DONOR, mlp_out[:], SPANS)
    case = (model, RECEIVER, aligned.donor, mlp_out[:], model.direction(50, 60))
    path = {"over": "activations", "steps": 64, "positions": aligned.positions}
    estimate = integrated_gradients(*case, **path)
    exact = mt.patch(*case, positions=aligned.positions)
    torch.testing.assert_close(estimate.values, exact.effects, atol=2e-3, rtol=1e-2)
    assert set(screen(*case, positions=aligned.positions).estimates) == {"atp_receiver"}
    with pytest.raises(mt.MicrotomeError, match="edited or aligned"):
        integrated_gradients(*case)


def test_spans_that_cannot_be_are_refused(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    with pytest.raises(mt.MicrotomeError, match="does not lie in a prompt of"):
        align(model, RECEIVER, DONOR, SITES, [((0, 99), (0, 3))])
    with pytest.raises(mt.MicrotomeError, match="at most once"):
        align(model, RECEIVER, DONOR, SITES, [((1, 3), (1, 3)), ((2, 4), (4, 6))])
    with pytest.raises(mt.MicrotomeError, match="cannot be aligned"):
        align(model, RECEIVER, DONOR, attn_pattern[0, 0], SPANS)
    with pytest.raises(mt.MicrotomeError, match="prompt by prompt"):
        align(model, [RECEIVER, RECEIVER], DONOR, SITES, SPANS)
