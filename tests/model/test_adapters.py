"""LoRA adapters: unmerged equals the fp32 merge, switching is exact, one base serves all."""

import pytest
import torch

import microtome as mt
from microtome import attn_out, head_out
from tests.model.families import params

TEXT = "They defected last round."


@pytest.fixture(params=params())
def family(request):
    return request.param


def test_unmerged_equals_the_merge_in_fp32(family, checkpoint, adapter):
    base, lora = str(checkpoint(family)), adapter(family, 1)
    apart = mt.load(base, adapter=lora).run(TEXT).logits
    merged = mt.load(base, adapter=lora, merge=True).run(TEXT).logits
    plain = mt.load(base).run(TEXT).logits
    assert (apart - merged).abs().max() / merged.abs().max() <= 1e-5
    assert (apart - plain).abs().max() > 0.1


def test_switching_is_exact_and_shares_the_base(family, checkpoint, adapter):
    model = mt.load(str(checkpoint(family)))
    before = model.run(TEXT).logits
    one, two = (model.with_adapter(adapter(family, seed)) for seed in (1, 2))
    assert one.parts.hf is two.parts.hf is model.parts.hf
    first, second = one.run(TEXT).logits, two.run(TEXT).logits
    assert not torch.allclose(first, second)
    assert torch.equal(model.run(TEXT).logits, before)
    assert torch.equal(one.run(TEXT).logits, first)
    assert torch.equal(two.with_adapter(None).run(TEXT).logits, before)


def test_attached_weights_are_for_reading_only(checkpoint, adapter):
    model = mt.load(str(checkpoint("llama")))
    one, two = (model.with_adapter(adapter("llama", seed)) for seed in (1, 2))
    for view in (one, two, one, model):
        view.run(TEXT)
        parameters = dict(view.parts.hf.named_parameters())
        assert any("lora_A" in name for name in parameters)
        assert not [name for name, value in parameters.items() if value.requires_grad]
        assert not view.parts.hf.training


def test_head_writes_include_the_delta(family, checkpoint, adapter):
    model = mt.load(str(checkpoint(family)), adapter=adapter(family, 1))
    run = model.run(TEXT, read=[head_out[:, :], attn_out[:]])
    bias = model.parts.b_o(1)
    total = run[head_out[1]].sum(0) + (0 if bias is None else bias)
    torch.testing.assert_close(total, run[attn_out[1]], atol=1e-5, rtol=1e-4)


def test_attribution_agrees_with_the_merged_model(family, checkpoint, adapter):
    base, lora = str(checkpoint(family)), adapter(family, 1)
    apart, merged = (mt.load(base, adapter=lora, merge=m) for m in (False, True))
    parts = [mt.attribute(m, TEXT, m.direction(50, 60)) for m in (apart, merged)]
    scale = parts[1].heads.abs().max()
    assert (parts[0].heads - parts[1].heads).abs().max() / scale <= 1e-4
    assert (parts[0].mlps - parts[1].mlps).abs().max() / parts[1].mlps.abs().max() <= 1e-4


def test_a_run_keeps_its_own_adapter(checkpoint, adapter):
    """Reading a head's write after another adapter was switched on gives the same numbers."""
    model = mt.load(str(checkpoint("gemma2")), adapter=adapter("gemma2", 1))
    run = model.run(TEXT, read=head_out[1, 2])
    early = run[head_out[1, 2]]
    model.with_adapter(adapter("gemma2", 2)).run(TEXT)
    assert torch.equal(run[head_out[1, 2]], early)


def test_missing_and_unfitting_adapters_are_refused(checkpoint, adapter, tmp_path):
    model = mt.load(str(checkpoint("llama")))
    with pytest.raises(mt.MicrotomeError, match="no such folder"):
        model.with_adapter(tmp_path / "nowhere")
    with pytest.raises(mt.MicrotomeError, match=r"adapter_config\.json"):
        model.with_adapter(tmp_path)
    with pytest.raises(mt.MicrotomeError, match="does not fit"):
        model.with_adapter(adapter("gpt2", 1))
