"""Sources sum to the heads' direct contributions, and name the token that a head copied."""

from dataclasses import replace

import pytest
import torch

import microtome as mt
from microtome import head_out, mlp_out
from microtome.errors import InputError
from microtome.methods.patching import source_tokens
from tests.methods.test_estimates import planted_case
from tests.model.families import params


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


@pytest.mark.parametrize("padding", ["left", "right"])
def test_sources_sum_to_the_attribution_of_their_head(model, padding):
    padded, direction = replace(model, padding=padding), model.direction(50, 60)
    texts = ["I cooperate now", "abc"]
    found = source_tokens(padded, texts, direction)
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    heads = mt.attribute(padded, texts, direction).heads
    torch.testing.assert_close(found.values.sum(-1), heads.flatten(1), atol=1e-4, rtol=1e-3)
    alone = source_tokens(model, texts[1], direction)
    length = alone.values.shape[-1]
    torch.testing.assert_close(found.values[1, :, :length], alone.values[0], atol=1e-4, rtol=1e-3)
    assert float(found.values[1, :, length:].abs().max()) == 0
    assert "".join(found.words[1][1:]) == "abc"


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_the_induction_head_wrote_what_it_read_at_the_value(architecture):
    (model, _, clean, _, _), _ = planted_case(architecture, 8.0, False, "keys")
    words = ["<bos>", *clean[0].split()]
    place = words.index(words[-1]) + 1
    value = model.direction(words[place], words[place + 2] if place + 2 < 9 else words[2])
    found = source_tokens(model, clean[0], value, head_out[1, 0])
    shares = found.values[0, 0].abs()
    assert int(shares.argmax()) == place
    assert found.top(1)[0][2].strip() == words[place]
    assert float(shares[place]) > 0.8 * float(shares.sum())


def test_only_heads_read_tokens(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    with pytest.raises(mt.MicrotomeError, match="reads no tokens"):
        source_tokens(model, "abc", model.direction(50, 60), mlp_out[0])


def test_a_direction_of_another_space_is_refused(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    concept = mt.Direction(torch.ones_like(model.direction(50, 60).vector), "residual", "a concept")
    with pytest.raises(InputError, match=r"source_tokens takes a direction in unembedding space"):
        source_tokens(model, "abc", concept)
