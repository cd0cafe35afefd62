"""The exactness bars of the engine, on every family, norms moved away from identity."""

import pytest
import torch

import microtome as mt
from microtome import (
    Replace,
    attn_out,
    attn_pattern,
    attn_z,
    head_out,
    head_z,
    k,
    mlp_act,
    mlp_in,
    mlp_normed,
    mlp_out,
    q,
    resid_mid,
    resid_post,
    resid_pre,
    v,
)
from tests.model.families import params

TEXT = "I cooperated; they defected."
SITES = [
    resid_pre[:], resid_mid[:], resid_post[:], attn_out[:], mlp_in[:], mlp_normed[:], mlp_act[:],
    mlp_out[:], attn_z[:], head_z[:, :], head_out[:, :], q[:, :], k[:, :], v[:, :],
]  # fmt: skip


def everything(model):
    """Every site that the family has."""
    absent = {"resid_mid"} if model.parts.anatomy.mid is None else set()
    absent |= {"mlp_normed"} if model.parts.anatomy.mlp_norm is None else set()
    return [site for site in SITES if site.kind not in absent]


@pytest.fixture(params=params())
def family_folder(request, checkpoint):
    return str(checkpoint(request.param))


@pytest.fixture
def model(family_folder):
    return mt.load(family_folder)


def test_every_identity_holds(model):
    audits = mt.check(model)
    assert len(audits) >= 5
    assert all(a.passed for a in audits), [str(a) for a in audits if not a.passed]


def test_reading_every_site_is_bitwise_neutral(model):
    plain = model.run(TEXT)
    assert torch.equal(model.run(TEXT, read=everything(model)).logits, plain.logits)


def test_logits_are_hugging_faces_own(model):
    ids = model.tokenize(TEXT).ids
    with torch.no_grad():
        own = model.hf(input_ids=ids).logits
    assert torch.equal(model.run(TEXT).logits, own)


def test_shapes_keep_the_sliced_axes(model):
    run = model.run([TEXT, TEXT], read=everything(model))
    b, p, d = 2, run.tokens.ids.shape[1], model.parts.d_model
    heads, kv = model.parts.sizes["head"], model.parts.sizes["kv_head"]
    assert run[resid_post[1]].shape == (b, p, d)
    assert run[resid_post[:2]].shape == (2, b, p, d)
    assert run[head_out[1, 3]].shape == (b, p, d)
    assert run[head_out[:, 1:3]].shape == (3, 2, b, p, d)
    assert run[head_out[2]].shape == (heads, b, p, d)
    assert run[k[0]].shape == (kv, b, p, model.parts.d_head)


def test_normed_input_times_gain_is_the_mlp_input(model):
    if model.parts.anatomy.mlp_norm is None:
        with pytest.raises(mt.MicrotomeError, match="no norm feeds"):
            model.run(TEXT, read=mlp_normed[0])
        return
    run = model.run(TEXT, read=[mlp_in[:], mlp_normed[:]])
    for layer in range(model.n_layers):
        norm = model.parts.norm(model.parts.block(layer, model.parts.anatomy.mlp_norm))
        expected = run[mlp_normed[layer]] * norm.gain
        expected = expected if norm.bias is None else expected + norm.bias
        torch.testing.assert_close(run[mlp_in[layer]], expected, atol=1e-5, rtol=1e-5)


def test_queries_keys_and_values_make_the_heads(model):
    """Patterns times values give z; the values are the ones read at `v`."""
    run = model.run(TEXT, read=[attn_pattern[:], v[:, :], head_z[:, :]])
    group = model.parts.sizes["head"] // model.parts.sizes["kv_head"]
    for head in range(model.n_heads):
        z = run[attn_pattern[1, head]] @ run[v[1, head // group]]
        torch.testing.assert_close(z, run[head_z[1, head]], atol=1e-5, rtol=1e-4)


def test_attn_z_is_the_heads_side_by_side(model):
    run = model.run(TEXT, read=[attn_z[1], head_z[1, :]])
    assert torch.equal(run[attn_z[1]], torch.cat(list(run[head_z[1, :]]), -1))
    zero = model.run(TEXT, read=head_z[1, :], write=mt.Ablate(attn_z[1]))
    assert not zero[head_z[1, :]].any()


def test_eager_patterns_leave_the_implementation_as_it_was(model):
    before = model.parts.hf.config._attn_implementation
    model.run(TEXT, read=attn_pattern[0])
    assert model.parts.hf.config._attn_implementation == before


@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_batch_gives_what_single_prompts_give(model, side):
    from dataclasses import replace

    padded = replace(model, padding=side)
    texts = ["I defect", TEXT, "no"]
    batch = padded.run(texts, read=resid_post[:], logits="all")
    for row, text in enumerate(texts):
        alone = model.run(text, read=resid_post[:])
        at = batch.tokens.mask[row]
        scale = alone.logits.abs().max()
        assert (batch.logits[row][at] - alone.logits[0]).abs().max() / scale <= 1e-5
        gap = (batch[resid_post[:]][:, row][:, at] - alone[resid_post[:]][:, 0]).abs().max()
        assert gap / alone[resid_post[:]].abs().max() <= 1e-5
    last = padded.run(texts, logits="last")
    torch.testing.assert_close(last.logits, batch.final_logits, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("site", [s for s in SITES if s.kind != "mlp_normed"], ids=str)
def test_patching_a_run_with_itself_changes_nothing(model, site):
    if site not in everything(model):
        with pytest.raises(mt.MicrotomeError, match="does not exist"):
            model.run(TEXT, read=site)
        return
    run = model.run(TEXT, read=site)
    again = model.run(TEXT, write=Replace(site, run))
    assert (again.logits - run.logits).abs().max() / run.logits.abs().max() <= 1e-5
    value = model.run(TEXT, write=Replace(site, run[site]))
    assert (value.logits - run.logits).abs().max() / run.logits.abs().max() <= 1e-5


@pytest.mark.parametrize(
    "site", [resid_pre[1], resid_mid[1], resid_post[1], attn_out[1], mlp_out[1], head_z[1, 2],
             mlp_act[1], mlp_in[1], q[1, 2], k[1, 1], v[1, 1]], ids=str
)  # fmt: skip
def test_what_is_written_is_read_back(model, site):
    if site.kind == "resid_mid" and model.parts.anatomy.mid is None:
        with pytest.raises(mt.MicrotomeError, match="parallel"):
            model.run(TEXT, write=mt.Ablate(site))
        return
    shape = model.run(TEXT, read=site)[site].shape
    value = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    run = model.run(TEXT, write=Replace(site, value), read=site)
    torch.testing.assert_close(run[site], value, atol=2e-5, rtol=1e-4)
    assert not torch.allclose(run.logits, model.run(TEXT).logits)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_state_written_before_the_mlp_is_what_goes_on(family_folder, dtype):
    """The block's own modules, called by hand on the written state, give the same bits."""
    model = mt.load(family_folder, dtype=dtype, device="cpu")
    anatomy, site = model.parts.anatomy, resid_mid[1]
    if anatomy.mid is None:
        with pytest.raises(mt.MicrotomeError, match="parallel"):
            model.run(TEXT, write=mt.Ablate(site))
        return
    clean = model.run(TEXT, read=site)
    noise = torch.randn(clean[site].shape, generator=torch.Generator().manual_seed(0))
    value = (3 * noise).to(clean[site].dtype)
    names = [anatomy.mlp_norm, anatomy.mlp, anatomy.mlp_post_norm]
    out = value
    for name in (name for name in names if name is not None):
        out = model.parts.block(1, name)(out)
    by_hand = model.run(TEXT, write=Replace(resid_post[1], value + out))
    written = model.run(TEXT, write=Replace(site, value), read=[site, resid_post[1]])
    assert torch.equal(written[site], value)
    assert torch.equal(written[resid_post[1]], value + out)
    assert torch.equal(written.logits, by_hand.logits)
    same = model.run(TEXT, write=Replace(site, clean))
    assert torch.equal(same.logits, clean.logits)
    there = model.run(TEXT, write=Replace(site, value, positions=(2,)), read=resid_post[1])
    before = model.run(TEXT, read=resid_post[1])[resid_post[1]]
    kept = [p for p in range(value.shape[1]) if p != 2]
    assert torch.equal(there[resid_post[1]][:, kept], before[:, kept])
    assert torch.equal(there[resid_post[1]][:, 2], (value + out)[:, 2])


def test_edits_around_a_written_state_all_count(model):
    """Attention before it is overwritten; the MLP's contribution and the output after are not."""
    if model.parts.anatomy.mid is None:
        pytest.skip("a parallel block has no state before its MLP")
    value = torch.randn(model.parts.d_model, generator=torch.Generator().manual_seed(0))
    mid = Replace(resid_mid[1], value)
    alone = model.run(TEXT, write=mid, read=resid_post[1])
    over = model.run(TEXT, write=[mid, mt.Ablate(attn_out[1])])
    assert torch.equal(over.logits, alone.logits)
    silent = model.run(TEXT, write=[mt.Ablate(mlp_out[1]), mid], read=resid_post[1])
    torch.testing.assert_close(
        silent[resid_post[1]][0], value.expand_as(silent[resid_post[1]][0]), atol=0, rtol=0
    )
    added = model.run(TEXT, write=[mt.Add(resid_post[1], value), mid], read=resid_post[1])
    torch.testing.assert_close(added[resid_post[1]], alone[resid_post[1]] + value)


def test_a_frozen_head_edit_is_read_back_and_an_unfrozen_one_is_rescaled(model):
    value = torch.randn(model.parts.d_model, generator=torch.Generator().manual_seed(0))
    site = head_out[1, 2]
    frozen = model.run(TEXT, write=Replace(site, value, frozen=True), read=[site, attn_out[1]])
    torch.testing.assert_close(
        frozen[site][0], value.expand_as(frozen[site][0]), atol=1e-5, rtol=1e-4
    )
    plain = model.run(TEXT, read=[head_out[1], attn_out[1]])
    predicted = plain[attn_out[1]] - plain[site] + value
    torch.testing.assert_close(frozen[attn_out[1]], predicted, atol=1e-5, rtol=1e-4)
    free = model.run(TEXT, write=Replace(site, value), read=attn_out[1])
    rescaled = not torch.allclose(free[attn_out[1]], predicted, atol=1e-3)
    assert rescaled == (model.parts.anatomy.attn_post_norm is not None)


def test_the_heads_of_a_layer_sum_to_its_attention(model):
    run = model.run(TEXT, read=[head_out[:, :], attn_out[:]])
    for layer in range(model.n_layers):
        parts = run[head_out[layer]]
        bias = model.parts.b_o(layer)
        total = parts.sum(0) + (0 if bias is None else bias)
        mass = parts.abs().sum(0).max()
        assert (total - run[attn_out[layer]]).abs().max() / mass <= 1e-5


def test_the_unembedding_of_the_last_layer_is_the_models_logits(model):
    run = model.run(TEXT, read=resid_post[-1])
    assert torch.equal(model.unembed(run[resid_post[-1]]), run.logits)


def test_a_gradient_predicts_a_small_edit(model):
    site = resid_post[1]
    run = model.run(TEXT, read=site, grad=lambda r: r.logits[0, -1, 7])
    step = 1e-3 * torch.randn(run[site].shape, generator=torch.Generator().manual_seed(1))
    changed = model.run(TEXT, write=mt.Add(site, step)).logits[0, -1, 7]
    predicted = (run.gradient(site) * step).sum()
    assert torch.isclose(changed - run.logits[0, -1, 7].detach(), predicted, rtol=0.05, atol=1e-5)
