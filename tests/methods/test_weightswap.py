"""Weight swaps against models whose merged weights were spliced by hand."""

import copy

import pytest
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM

import microtome as mt
from microtome import attn_out, head_out, k, mlp_out, q, resid_post, v
from microtome.methods.patching import swap_weights
from tests.model.families import params

PROMPTS = ["I cooperate now", "abc"]
SITES = [head_out[:, :], q[:, :], k[:, :], v[:, :], attn_out[:], mlp_out[:]]


@pytest.fixture(params=params())
def pair(request, checkpoint, adapter):
    """A base folder, two adapter folders, and the two models A and B."""
    folder = checkpoint(request.param)
    adapters = [adapter(request.param, seed) for seed in (1, 2)]
    base = mt.load(str(folder))
    return folder, adapters, *(base.with_adapter(a) for a in adapters)


def merged(folder, adapter):
    return PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(folder), str(adapter)
    ).merge_and_unload()


def test_every_swap_between_two_adapters_is_audited_and_moves_something(pair):
    _, _, a, b = pair
    found = swap_weights(b, PROMPTS, a, SITES, b.direction(50, 60))
    assert all(x.passed for x in found.audit), [str(x) for x in found.audit]
    assert float(found.effects.abs().amax(0).min()) > 1e-7, "every component's delta does something"
    for model, expected in ((a, found.donor), (b, found.baseline)):
        logits = model.run(PROMPTS, logits="last").logits
        torch.testing.assert_close((logits[:, 50] - logits[:, 60]).double(), expected)


@pytest.mark.parametrize("family", ["gemma2", "llama"])
def test_a_swap_is_the_spliced_model(family, checkpoint, adapter):
    """B's merged weights with A's rows and columns of one component; llama groups queries too."""
    folder, adapters = checkpoint(family), [adapter(family, seed) for seed in (1, 2)]
    base = mt.load(str(folder))
    a, b = (base.with_adapter(x) for x in adapters)
    whole_a, whole_b = (merged(folder, x) for x in adapters)
    width, layer, head = base.parts.d_head, 1, 2
    mine = slice(head * width, (head + 1) * width)

    def spliced(change):
        hf = copy.deepcopy(whole_b)
        with torch.no_grad():
            change(hf.model.layers[layer], whole_a.model.layers[layer])
        tokens = base.tokenize(PROMPTS[0])
        logits = hf(input_ids=tokens.ids).logits[0, -1]
        return float(logits[50] - logits[60])

    def one_head(ours, theirs):
        ours.self_attn.q_proj.weight[mine] = theirs.self_attn.q_proj.weight[mine]
        ours.self_attn.o_proj.weight[:, mine] = theirs.self_attn.o_proj.weight[:, mine]

    def one_mlp(ours, theirs):
        for name in ("gate_proj", "up_proj", "down_proj"):
            getattr(ours.mlp, name).weight.copy_(getattr(theirs.mlp, name).weight)

    def one_value(ours, theirs):
        ours.self_attn.v_proj.weight[:width] = theirs.self_attn.v_proj.weight[:width]

    sites = {head_out[layer, head]: one_head, mlp_out[layer]: one_mlp, v[layer, 0]: one_value}
    found = swap_weights(b, PROMPTS[0], a, list(sites), base.direction(50, 60))
    for n, change in enumerate(sites.values()):
        assert float(found.patched[0, n]) == pytest.approx(spliced(change), abs=2e-5)


def test_gpt2_heads_own_their_keys_and_values(checkpoint, adapter):
    """One fused, transposed projection: the head's columns of q, k and v and its rows of W_O."""
    folder, adapters = checkpoint("gpt2"), [adapter("gpt2", seed) for seed in (1, 2)]
    base = mt.load(str(folder))
    a, b = (base.with_adapter(x) for x in adapters)
    theirs, hf = (merged(folder, x) for x in adapters)
    width, d = base.parts.d_head, base.parts.d_model
    with torch.no_grad():
        ours, other = hf.transformer.h[1].attn, theirs.transformer.h[1].attn
        for part in range(3):
            columns = slice(part * d + 2 * width, part * d + 3 * width)
            ours.c_attn.weight[:, columns] = other.c_attn.weight[:, columns]
        rows = slice(2 * width, 3 * width)
        ours.c_proj.weight[rows] = other.c_proj.weight[rows]
        logits = hf(input_ids=base.tokenize(PROMPTS[0]).ids).logits[0, -1]
    found = swap_weights(b, PROMPTS[0], a, head_out[1, 2], base.direction(50, 60))
    assert float(found.patched[0, 0]) == pytest.approx(float(logits[50] - logits[60]), abs=2e-5)


def test_the_bare_base_can_give_and_take(checkpoint, adapter):
    base = mt.load(str(checkpoint("llama")))
    tuned = base.with_adapter(adapter("llama", 1))
    direction = base.direction(50, 60)
    for receiver, donor in ((base, tuned), (tuned, base)):
        found = swap_weights(receiver, PROMPTS, donor, mlp_out[:], direction)
        assert all(x.passed for x in found.audit), [str(x) for x in found.audit]


def test_what_has_no_common_base_or_no_weights_is_refused(checkpoint, adapter):
    base = mt.load(str(checkpoint("llama")))
    tuned = base.with_adapter(adapter("llama", 1))
    direction = base.direction(50, 60)
    with pytest.raises(mt.MicrotomeError, match="one loaded model"):
        swap_weights(base, PROMPTS, mt.load(str(checkpoint("llama"))), mlp_out[0], direction)
    with pytest.raises(mt.MicrotomeError, match="no weights of its own"):
        swap_weights(base, PROMPTS, tuned, resid_post[0], direction)
