"""Interventions by the delta rule: what they change, and that they change nothing else."""

from dataclasses import replace

import pytest
import torch

import microtome as mt
from microtome.dictionaries.fold import scaled_input
from microtome.dictionaries.nonlinearity import Gated
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.errors import DictionaryError, InputError, SiteError
from microtome.model.replay import record
from microtome.model.site import mlp_in, mlp_normed, mlp_out, q, resid_mid, resid_post, resid_pre
from tests.dictionaries.planted import random_sae, random_transcoder
from tests.model.families import params

TEXT = "A robin is a kind of bird. A trout is a kind of fish."


@pytest.fixture(scope="module")
def model() -> mt.Model:
    return mt.load("specimen:world")


@pytest.fixture(scope="module")
def logits(model: mt.Model) -> torch.Tensor:
    return model.run(TEXT).logits


@pytest.fixture(params=["none", "constant", "layer", "unit"])
def sae(request: pytest.FixtureRequest, model: mt.Model) -> SAE:
    return random_sae(model.parts.d_model, norm=InputNorm(request.param))


def silent(sae: SAE) -> SAE:
    """The same with feature 5 that never fires."""
    bias = sae.b_enc.clone()
    bias[5] = -1e9
    return replace(sae, b_enc=bias)


def test_ablating_a_silent_feature_changes_no_bit(model, logits, sae):
    assert torch.equal(model.run(TEXT, write=silent(sae).ablate(5)).logits, logits)


def test_a_silent_transcoder_feature_changes_no_bit(model, logits):
    quiet = silent(random_transcoder(model.parts.d_model))
    assert torch.equal(model.run(TEXT, write=quiet.ablate(5)).logits, logits)


def test_clamping_to_what_it_is_changes_no_bit(model, logits, sae):
    x = model.run(TEXT, read=resid_post[2])[resid_post[2]]
    own = sae.encode(x)[..., [3, 4]]
    assert (own > 0).any()
    assert torch.equal(model.run(TEXT, write=sae.clamp([3, 4], own)).logits, logits)
    assert torch.equal(model.run(TEXT, write=sae.scale(3, 1.0)).logits, logits)


def test_ablation_subtracts_the_feature_and_nothing_else(model, sae):
    site = resid_post[2]
    x = model.run(TEXT, read=site)[site]
    f = sae.encode(x)
    scale, _ = sae.norm.of(x)
    expected = x - scale * f[..., 7:8] * sae.atoms[7]
    expected[:, 0] = x[:, 0]  # BOS stays as it is
    edited = model.run(TEXT, read=site, write=sae.ablate(7))[site]
    torch.testing.assert_close(edited, expected, rtol=1e-5, atol=1e-5)
    with_bos = model.run(TEXT, read=site, write=sae.clamp(7, 9.0, bos=True))[site]
    assert not torch.equal(with_bos[:, 0], x[:, 0])


def test_the_reconstruction_moves_as_the_activation_does(model, sae):
    """Delta rule and reconstruction agree: decode(f′) − decode(f) is what is added."""
    site = resid_post[2]
    x = model.run(TEXT, read=site)[site]
    f = sae.encode(x)
    changed = f.clone()
    changed[..., 7] = 2.5
    delta = sae.decode(changed, x) - sae.decode(f, x)
    edited = model.run(TEXT, read=site, write=sae.clamp(7, 2.5, bos=True))[site]
    torch.testing.assert_close(edited - x, delta, rtol=1e-4, atol=1e-4)


def test_a_transcoder_feature_leaves_from_its_output_site(model):
    coder = random_transcoder(model.parts.d_model)
    sites = [coder.site_in, coder.site_out]
    before = model.run(TEXT, read=sites)
    after = model.run(TEXT, read=sites, write=coder.ablate([1, 2]))
    f = coder.encode(before[coder.site_in])[..., [1, 2]]
    expected = before[coder.site_out] - f @ coder.atoms[[1, 2]]
    assert torch.equal(after[coder.site_in], before[coder.site_in])
    torch.testing.assert_close(after[coder.site_out][:, 1:], expected[:, 1:], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", params())
@pytest.mark.parametrize("source", [mlp_in[1], mlp_normed[1], resid_pre[0]])
def test_a_source_is_seen_as_it_is_read(family, source, checkpoint):
    """Any site may feed any later one, in every family, also when the source itself is edited."""
    model = mt.load(str(checkpoint(family)))
    if source.kind == "mlp_normed" and model.parts.anatomy.mlp_norm is None:
        pytest.skip("no norm feeds this MLP")
    coder = replace(random_transcoder(model.parts.d_model), site_in=source, site_out=mlp_out[1])
    push = mt.Add(resid_pre[0], torch.ones(model.parts.d_model))
    sites = [source, mlp_out[1]]
    before = model.run(TEXT, read=sites, write=push)
    every = coder.encode(before[source])
    firing = every.flatten(0, 1).sum(0).topk(2).indices.tolist()
    after = model.run(TEXT, read=sites, write=[coder.ablate(firing, bos=True), push])
    f = every[..., firing]
    assert (f > 0).any()
    expected = before[mlp_out[1]] - f @ coder.atoms[firing]
    torch.testing.assert_close(after[mlp_out[1]], expected, rtol=1e-4, atol=1e-4)


def test_a_small_clamp_does_what_the_gradient_says(model):
    sae, site = random_sae(model.parts.d_model), resid_post[2]
    first, second = model.run(TEXT).final_logits[0].topk(2).indices.tolist()
    metric = lambda run: run.final_logits[:, first] - run.final_logits[:, second]  # noqa: E731
    run = model.run(TEXT, read=site, grad=metric)
    x = run[site].detach()
    f = sae.encode(x)[..., 7]
    nudge = 0.3  # up and down: far above what float32 resolves of a difference of logits
    predicted = (run.gradient(site)[:, 1:] @ sae.atoms[7]).sum().item() * 2 * nudge
    up, down = (
        metric(model.run(TEXT, write=sae.clamp(7, f[..., None] + change))).item()
        for change in (nudge, -nudge)
    )
    assert up - down == pytest.approx(predicted, rel=0.03)
    assert abs(up - down) > 1e-3


def test_replay_gives_the_same_as_a_full_pass(model):
    coder, sae = random_transcoder(model.parts.d_model, layer=1), random_sae(model.parts.d_model)
    edits = [[coder.ablate([1, 2])], [sae.clamp(3, 4.0)], [sae.clamp(3, 4.0, positions=(9,))]]
    replayed = record(model, model.tokenize(TEXT)).run(edits)
    for row, edit in zip(replayed, edits, strict=True):
        torch.testing.assert_close(row, model.run(TEXT, write=edit).final_logits[0])


def test_two_rows_two_clamps(model):
    sae = random_sae(model.parts.d_model)
    both = model.run([TEXT, TEXT], write=[sae.clamp(3, 4.0, rows=(0,)), sae.ablate(4, rows=(1,))])
    one = model.run(TEXT, write=sae.clamp(3, 4.0)).logits[0]
    two = model.run(TEXT, write=sae.ablate(4)).logits[0]
    torch.testing.assert_close(both.logits, torch.stack([one, two]))


def test_refusals(model):
    sae = random_sae(model.parts.d_model)
    with pytest.raises(InputError, match="features 0 to 31"):
        sae.ablate(32)
    with pytest.raises(InputError, match="twice"):
        sae.clamp([3, 3], 1.0)
    with pytest.raises(InputError, match="width 128"):
        sae.encode(torch.zeros(4, 64))
    with pytest.raises(DictionaryError, match="which site"):
        replace(sae, site_in=None, site_out=None).ablate(1)
    with pytest.raises(DictionaryError, match=r"b_dec of shape \(127,\)"):
        replace(sae, b_dec=sae.b_dec[1:])
    with pytest.raises(InputError, match="broadcasts"):
        model.run(TEXT, write=sae.clamp([1, 2], torch.zeros(3)))
    headed = replace(random_transcoder(model.parts.d_model), site_in=q[2, 1])
    with pytest.raises(SiteError, match=r"q\[2, 1\] belongs to one head"):
        model.run(TEXT, write=headed.ablate(1))
    assert sae.clamp(3, 1.0).site == resid_post[2]
    assert random_transcoder(model.parts.d_model).ablate(1).site == mlp_out[2]


def test_half_precision_weights_are_computed_with_in_fp32(model):
    """Folding a scale, and a gated dictionary's rescaling, round nothing a second time."""
    gated = Gated(0.1 * torch.randn(32), 0.5 * torch.randn(32))
    plain = random_sae(model.parts.d_model, activation=gated)
    half = {k: v.to(torch.bfloat16) for k, v in plain.tensors().items() if k[1:2] == "_"}
    act = Gated(gated.gate_bias.to(torch.bfloat16), gated.log_rescale.to(torch.bfloat16))
    sae = replace(plain, **half, activation=act)
    full = replace(
        plain,
        **{k: v.float() for k, v in half.items()},
        activation=Gated(act.gate_bias.float(), act.log_rescale.float()),
    )
    x = 3 * torch.randn(20, model.parts.d_model)
    assert torch.equal(sae.encode(x), full.encode(x))
    folded, expected = scaled_input(sae, 0.07), scaled_input(full, 0.07)
    torch.testing.assert_close(folded.reconstruct(x), expected.reconstruct(x))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_a_clamp_in_mid_block_that_changes_nothing_keeps_every_bit(dtype):
    """The sum that the clamp reads there is the model's own, in the model's precision."""
    model, site = mt.load("specimen:world", dtype=dtype), resid_mid[2]
    sae = random_sae(model.parts.d_model, site=site)
    run = model.run(TEXT, read=site)
    own = sae.encode(run[site])[..., [3, 4]]
    assert (own > 0).any()
    assert torch.equal(model.run(TEXT, write=sae.clamp([3, 4], own)).logits, run.logits)
    assert not torch.equal(model.run(TEXT, write=sae.clamp([3, 4], own + 1)).logits, run.logits)


def test_a_layer_counted_from_the_end_is_that_layer(model):
    sae, coder = random_sae(model.parts.d_model), random_transcoder(model.parts.d_model)
    back = 2 - model.n_layers
    for one, sites in ((sae, (resid_post, resid_post)), (coder, (mlp_in, mlp_out))):
        ends = {"site_in": sites[0][back], "site_out": sites[1][back]}
        same = model.run(TEXT, write=one.ablate([1, 2])).logits
        assert torch.equal(model.run(TEXT, write=replace(one, **ends).ablate([1, 2])).logits, same)
