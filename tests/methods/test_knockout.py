"""Attention knockout against zeroed and renormalised patterns, put in by hand."""

import pytest

import microtome as mt
from microtome import Replace, attn_pattern, head_z, v
from microtome.methods.patching import knock_out
from tests.methods.test_estimates import planted_case
from tests.model.families import params

PROMPT = "I cooperate now"
EDGES = [(-1, -3), (-1, -4), (13, 12)]


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def by_hand(model, prompt, edges, layers, heads):
    """Layer after layer: zero the edges of each pattern, renormalise, and write the new z."""
    edits = []
    group = model.n_heads // model.parts.sizes["kv_head"]
    for layer in layers:
        run = model.run(prompt, read=[attn_pattern[layer], v[layer]], write=edits)
        for head in heads:
            pattern = run[attn_pattern[layer, head]].clone()
            for query, key in edges:
                pattern[:, query, key] = 0
            pattern = pattern / pattern.sum(-1, keepdim=True)
            edits.append(Replace(head_z[layer, head], pattern @ run[v[layer, head // group]]))
    return model.run(prompt, write=edits, logits="last").logits[0]


@pytest.mark.parametrize("layers", [[1], [0, 1, 2]])
@pytest.mark.parametrize("heads", [None, [0, 3]])
def test_a_cut_equals_the_pattern_cut_by_hand(model, layers, heads):
    direction = model.direction(50, 60)
    found = knock_out(model, PROMPT, EDGES, direction, layers=layers, heads=heads)
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    expected = by_hand(model, PROMPT, EDGES, layers, heads or range(model.n_heads))
    assert float(found.patched[0]) == pytest.approx(float(expected[50] - expected[60]), abs=2e-5)
    assert abs(float(found.effects[0])) > 1e-5


def test_what_never_attends_costs_nothing(checkpoint):
    """Cutting the view of the future, or of rows that no later token reads, changes nothing."""
    model = mt.load(str(checkpoint("llama")))
    cuts = {"future": [(3, 8)], "real": [(-1, 8)]}
    found = knock_out(model, PROMPT, cuts, model.direction(50, 60))
    assert abs(float(found.effects[0])) < 1e-6 < abs(float(found.effects[1]))
    assert found.top(1)[0][0] == "real"
    table = found.table().set_index("cut")
    whole = model.run(PROMPT, logits="last").logits[0]
    cut = by_hand(model, PROMPT, [(-1, 8)], range(model.n_layers), range(model.n_heads))
    lost = float((cut[50] - cut[60]) - (whole[50] - whole[60]))
    assert table.loc["real", "effect"] == pytest.approx(lost, abs=2e-5), "cut − whole"
    assert table.loc["real", "baseline_delta"] == pytest.approx(float(whole[50] - whole[60]))


@pytest.mark.parametrize("architecture", ["gpt2", "gemma2"])
def test_the_planted_circuit_falls_with_its_edges(architecture):
    """Value tokens blind to the key before them, or the query to the value it needs: no answer."""
    (model, _, clean, _, directions), _ = planted_case(architecture, 8.0, False, "keys")
    words = ["<bos>", *clean[0].split()]
    key = words.index(words[-1])
    last = len(words) - 1
    cuts = {
        "previous": [(key + 1, key)],
        "induction": [(last, key + 1)],
        "elsewhere": [(last, position) for position in range(1, last) if position != key + 1],
    }
    l0 = knock_out(model, clean[0], cuts, directions[0], layers=[0], heads=[0])
    l1 = knock_out(model, clean[0], cuts, directions[0], layers=[1], heads=[0])
    assert float(l0.effects[0]) < -0.4 * l0.baseline
    assert float(l1.effects[1]) < -0.4 * l1.baseline
    assert abs(float(l0.effects[1])) < 0.1 * l0.baseline
    assert abs(float(l1.effects[2])) < 0.1 * l1.baseline


def test_blind_tokens_and_missing_places_are_refused(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    direction = model.direction(50, 60)
    with pytest.raises(mt.MicrotomeError, match="no token at all"):
        knock_out(model, PROMPT, [(0, 0)], direction)
    with pytest.raises(mt.MicrotomeError, match="sliding window"):
        knock_out(model, PROMPT, [(-1, -i) for i in range(1, 6)], direction)
    with pytest.raises(mt.MicrotomeError, match="leaves the prompt"):
        knock_out(model, PROMPT, [(0, 99)], direction)
    with pytest.raises(mt.MicrotomeError, match="Layer 7"):
        knock_out(model, PROMPT, EDGES, direction, layers=[7])
