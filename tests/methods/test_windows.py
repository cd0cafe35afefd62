"""Windows of layers and position maps against plain edited runs; both directions of a patch."""

import pytest
import torch

import microtome as mt
from microtome import Replace, attn_out, head_out, k, mlp_act, mlp_out, q, resid_post, resid_pre, v
from microtome.methods.patching import patch_positions, patch_windows
from tests.methods.test_estimates import CLEAN, CORRUPT, planted_case
from tests.model.families import params


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def difference(logits):
    return float(logits[0, 50] - logits[0, 60])


def test_a_window_is_its_layers_patched_together(model):
    kinds = [attn_out[:], mlp_out[:]]
    found = patch_windows(model, CORRUPT, CLEAN, kinds, model.direction(50, 60), width=2)
    assert found.nodes == ("L0-L1_ATTN+MLP", "L1-L2_ATTN+MLP")
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    donor = model.run(CLEAN, read=kinds)
    for start in range(2):
        edits = [Replace(kind[start : start + 2], donor) for kind in (attn_out, mlp_out)]
        plain = model.run(CORRUPT, write=edits, logits="last").logits
        assert float(found.patched[0, start]) == pytest.approx(difference(plain), abs=1e-5)


def test_a_map_patches_one_position_at_a_time(model):
    sites = [resid_pre[1], mlp_out[2]]
    found = patch_positions(model, CORRUPT, CLEAN, sites, model.direction(50, 60))
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    donor = model.run(CLEAN, read=sites)
    for s, site in enumerate(sites):
        for position in (0, 4, found.positions[-1]):
            edit = Replace(site, donor, positions=(position,))
            plain = model.run(CORRUPT, write=edit, logits="last").logits
            delta = float(found.effects[0, s, position]) + float(found.patching.baseline[0])
            assert delta == pytest.approx(difference(plain), abs=1e-5)
    assert "".join(found.words[0][1:]) == CORRUPT
    before = CORRUPT.index("d")
    assert float(found.effects[0, 0, : before + 1].abs().max()) < 1e-5, "the same tokens so far"


def test_the_map_of_a_planted_model_shows_where_the_information_is():
    """With another query only the last position differs: only there a patch does anything."""
    (model, corrupt, clean, _, directions), _ = planted_case("gpt2", 8.0, False, "queries")
    found = patch_positions(model, corrupt, clean, resid_pre[:], directions)
    gap = float((found.patching.donor - found.patching.baseline).mean())
    mean = found.effects.mean(0) / gap
    assert float(mean[:, :-1].abs().max()) < 1e-4
    assert torch.allclose(mean[:, -1], torch.ones(4, dtype=mean.dtype), atol=1e-3)


def test_denoising_and_noising_share_one_scale():
    """Restored by the node alone, destroyed without it: 1 and 1 for the circuit's nodes."""
    (model, corrupt, clean, sites, directions), truth = planted_case("gpt2", 8.0, False, "keys")
    denoised = mt.patch(model, corrupt, clean, sites, directions).recovered()
    noised = mt.patch(model, clean, corrupt, sites, directions).recovered()
    for node in denoised:
        assert denoised[node].value == pytest.approx(float(node in truth), abs=0.05), node
        assert noised[node].value == pytest.approx(float(node in truth), abs=0.05), node


def test_queries_keys_values_and_neurons_are_nodes_too(model):
    sites = [q[:, :], k[:, :], v[:, :], mlp_act[:]]
    found = mt.patch(model, CORRUPT, CLEAN, sites, model.direction(50, 60))
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    donor = model.run(CLEAN, read=sites)
    for node in ("L1H2_q", "L2H1_k", "L0H0_v", "L2_mlp_act"):
        kind = node.partition("_")[2]
        index = tuple(int(i) for i in node.partition("_")[0][1:].split("H"))
        site = {"q": q, "k": k, "v": v, "mlp_act": mlp_act}[kind][index]
        plain = model.run(CORRUPT, write=Replace(site, donor), logits="last").logits
        value = float(found.patched[0, found.nodes.index(node)])
        assert value == pytest.approx(difference(plain), abs=1e-5)


def test_maps_and_windows_that_cannot_be_are_refused(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    direction = model.direction(50, 60)
    with pytest.raises(mt.MicrotomeError, match="does not fit into the 3 layers"):
        patch_windows(model, CORRUPT, CLEAN, mlp_out[:], direction, width=4)
    with pytest.raises(mt.MicrotomeError, match="one length"):
        patch_positions(model, ["ab", "abc"], ["ac", "abd"], resid_post[:], direction)
    with pytest.raises(mt.MicrotomeError, match="2 directions"):
        mt.patch(model, [CORRUPT], [CLEAN], head_out[0], [direction, direction])
