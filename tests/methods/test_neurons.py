"""Neurons: the planted lookup neurons are found, and each exact effect is a plain edited run."""

import pytest
import torch

import microtome as mt
from microtome import Replace, mlp_act, mlp_out
from microtome.methods.patching import attribution_patching, patch_neurons
from tests.methods.test_estimates import CLEAN, CORRUPT, planted_case
from tests.model.families import params


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def test_exact_effects_are_plain_edited_runs_and_estimates_sum_to_the_layer(model):
    direction = model.direction(50, 60)
    texts = ([CORRUPT, "abc"], [CLEAN, "abd"])
    found = patch_neurons(model, *texts, direction, k=3, sample=4, max_rows=5)
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    receiver, donor = (model.run(t, read=mlp_act[:], logits="last") for t in texts)
    before = receiver.logits[:, 50] - receiver.logits[:, 60]
    for line in found.rows():
        site = mlp_act[line["layer"]]
        value = receiver[site].clone()
        value[..., line["neuron"]] = donor[site][..., line["neuron"]]
        logits = model.run(texts[0], write=Replace(site, value), logits="last").logits
        effect = float((logits[:, 50] - logits[:, 60] - before).mean())
        assert line["effect"] == pytest.approx(effect, abs=1e-5)
    whole = attribution_patching(model, *texts, mlp_act[:], direction).mean
    torch.testing.assert_close(found.estimates.sum(-1).double(), whole, atol=1e-5, rtol=1e-4)
    assert len(found.exact) == 7
    assert found.unseen == found.estimates.numel() - 7


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_the_lookup_neurons_of_a_planted_model_come_first(architecture):
    """Of 256 neurons only the twelve of the table, two for each prompt, move the answer."""
    (model, corrupt, clean, _, directions), _ = planted_case(architecture, 8.0, False, "keys")
    one = patch_neurons(model, corrupt[0], clean[0], directions[0], k=4, sample=30)
    best = [name for name, _ in one.top(2)]
    assert all(name.startswith("L2N") and int(name[3:]) < 12 for name in best)
    assert one.largest_sampled < 0.2 * abs(one.exact[best[0]])


def test_only_neurons_are_taken(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    with pytest.raises(mt.MicrotomeError, match="no neurons"):
        patch_neurons(model, CORRUPT, CLEAN, model.direction(50, 60), mlp_out[:])
