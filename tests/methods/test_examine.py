"""`microtome check` passes on every family and shows which identity a wrong entry breaks."""

from dataclasses import replace

import pytest

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


def test_a_wrong_gain_is_refused_on_load_where_no_sum_would_show_it(checkpoint):
    """Without post-norms every part is scaled alike: only the norm itself can tell."""
    entry = replace(FAMILIES["llama"], norm_offset=1.0)
    with pytest.raises(mt.MicrotomeError, match="norms as data"):
        mt.load(str(checkpoint("llama")), anatomy=entry)
