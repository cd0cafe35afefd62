"""Device maps give the same numbers; quantised models are read, and their heads refused."""

import pytest
import torch
from torch import nn

import microtome as mt
from microtome import attn_out, head_out, head_z, resid_post
from microtome.errors import ConfigError, ModelError, SiteError
from microtome.model.adapters import AdapterBank
from microtome.model.check import check
from microtome.model.model import Model
from microtome.model.parts import Parts

TEXT = "They defected."


def test_a_device_map_gives_the_same_numbers(checkpoint):
    plain = mt.load(str(checkpoint("gemma2")), device="cpu")
    spread = mt.load(str(checkpoint("gemma2")), device_map={"": "cpu"})
    assert torch.equal(plain.run(TEXT).logits, spread.run(TEXT).logits)
    split = mt.attribute(spread, TEXT, spread.direction(50, 60))
    assert all(audit.passed for audit in split.audit)


@pytest.fixture(scope="module")
def quantised(checkpoint):
    """A real int8 model: torch's own dynamic quantisation of every linear layer."""
    model = mt.load(str(checkpoint("llama")), device="cpu")
    with pytest.warns(DeprecationWarning, match="quantization"):
        hf = torch.ao.quantization.quantize_dynamic(model.parts.hf, {nn.Linear}, dtype=torch.qint8)
    return Model(Parts(hf, model.parts.anatomy, AdapterBank(hf)), model.tokenizer, model.source)


def test_a_quantised_model_is_read_and_edited(quantised):
    run = quantised.run(TEXT, read=[resid_post[:], attn_out[:], head_z[:, :]])
    again = quantised.run(TEXT, write=mt.Replace(attn_out[1], run))
    assert torch.allclose(again.logits, run.logits, atol=1e-5)
    identities = {audit.name: audit for audit in check(quantised)}
    assert identities["post = pre + attn + mlp"].passed
    assert "heads + bias = output projection" not in identities


def test_its_heads_are_refused_in_a_sentence(quantised):
    run = quantised.run(TEXT, read=head_out[1, 2])
    with pytest.raises(SiteError, match="quantised or offloaded"):
        run[head_out[1, 2]]
    with pytest.raises(SiteError, match="quantised or offloaded"):
        quantised.run(TEXT, write=mt.Ablate(head_out[1, 2]))


def test_quantisation_that_cannot_be_had_is_one_sentence(checkpoint):
    with pytest.raises(ConfigError, match="8bit or 4bit"):
        mt.load(str(checkpoint("llama")), quantization="3bit")
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        with pytest.raises(ModelError, match="cannot be loaded"):
            mt.load(str(checkpoint("llama")), quantization="8bit")
