"""`microtome check` passes on every family and shows which identity a wrong entry breaks."""

from dataclasses import replace

import pytest
import torch

import microtome as mt
from microtome.methods.examine import examine
from microtome.model.anatomy import FAMILIES
from tests.model.families import params


@pytest.mark.parametrize("family", params())
@pytest.mark.parametrize("lora", [False, True])
def test_every_family_passes_with_and_without_an_adapter(family, lora, checkpoint, adapter):
    model = mt.load(str(checkpoint(family)), adapter=adapter(family, 1) if lora else None)
    audits = examine(model)
    assert len(audits) >= 13
    assert all(a.passed for a in audits), [str(a) for a in audits if not a.passed]


@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ({"attn_post_norm": None}, "completeness per layer: heads + bias = attention"),
        ({"norm_offset": 0.0}, "norms as data = the model's norms"),
        ({"softcap": None}, "lens of the last layer = logits"),
        ({"mlp_added": "mlp"}, "post = pre + attn + mlp"),
        ({"mid": "post_feedforward_layernorm"}, "mid = pre + attn"),
    ],
)
def test_a_wrong_entry_breaks_its_identity(change, broken, checkpoint):
    entry = replace(FAMILIES["gemma2"], **change)
    model = mt.load(str(checkpoint("gemma2")), anatomy=entry, verify=False)
    assert broken in {a.name for a in examine(model) if not a.passed}


def test_a_model_that_looks_at_padding_fails_on_that_side_alone(checkpoint, monkeypatch):
    """Its attention ignores the mask; padding on the right is behind what is read."""
    model = mt.load(str(checkpoint("gpt2")))
    honest = type(model.parts.hf).forward

    def deaf(self, *arguments, attention_mask, **named):
        return honest(self, *arguments, attention_mask=torch.ones_like(attention_mask), **named)

    monkeypatch.setattr(type(model.parts.hf), "forward", deaf)
    by_name = {audit.name: audit for audit in examine(model)}
    left, right = (by_name[f"padding on the {side} = single prompts"] for side in ("left", "right"))
    assert not left.passed
    assert left.value > left.bound
    assert right.passed


def test_a_replacement_that_is_not_exact_fails_the_self_patch(checkpoint, monkeypatch):
    model = mt.load(str(checkpoint("gpt2")))
    honest = mt.Replace.apply
    monkeypatch.setattr(mt.Replace, "apply", lambda edit, x: 1.1 * honest(edit, x))
    assert "self-patch = 0" in {audit.name for audit in examine(model) if not audit.passed}


def test_a_wrong_gain_is_refused_on_load_where_no_sum_would_show_it(checkpoint):
    """Without post-norms every part is scaled alike: only the norm itself can tell."""
    entry = replace(FAMILIES["llama"], norm_offset=1.0)
    with pytest.raises(mt.MicrotomeError, match="norms as data"):
        mt.load(str(checkpoint("llama")), anatomy=entry)
