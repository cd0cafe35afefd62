"""Exact patching: identities, both kinds of donor, the seed's columns, a head's exact write."""

import pytest
import torch

import microtome as mt
from microtome import Replace, attn_out, head_out, mlp_out, resid_post
from tests.model.families import params

CLEAN, CORRUPT = "I cooperate now", "I defected  now"
NODES = [head_out[:, :], attn_out[:], mlp_out[:], resid_post[:]]


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def test_audits_hold_and_the_whole_stream_gives_the_donor(model):
    result = mt.patch(model, CORRUPT, CLEAN, NODES, model.direction(50, 60))
    assert all(a.passed for a in result.audit), [str(a) for a in result.audit]
    last = result.nodes.index(f"L{model.n_layers - 1}_resid_post")
    assert float(result.patched[0, last]) == pytest.approx(float(result.donor[0]), abs=1e-5)


def test_every_patch_equals_a_plain_edited_run(model):
    """Batched rows against one Replace at a time."""
    direction = model.direction(50, 60)
    donor = model.run(CLEAN, read=NODES)
    result = mt.patch(model, [CORRUPT], donor, NODES, direction, max_rows=5)
    sites = [s for n in NODES for s in n.expand(model.parts.sizes)]
    for i in range(0, len(sites), 4):
        logits = model.run(CORRUPT, write=Replace(sites[i], donor)).logits[0, -1]
        assert float(result.patched[0, i]) == pytest.approx(
            float(logits[50] - logits[60]), abs=1e-5
        )


def test_heads_and_bias_together_are_the_attention(model):
    """Patching all heads of a layer at once equals patching its attention output."""
    donor = model.run(CLEAN, read=[head_out[1], attn_out[1]])
    heads = [Replace(head_out[1, h], donor) for h in range(model.n_heads)]
    together = model.run(CORRUPT, write=heads).logits
    whole = model.run(CORRUPT, write=Replace(attn_out[1], donor)).logits
    torch.testing.assert_close(together, whole, atol=1e-5, rtol=1e-4)


def test_between_models_the_donors_activations_go_into_the_receiver(checkpoint, adapter):
    base = mt.load(str(checkpoint("gemma2")))
    a, b = (base.with_adapter(adapter("gemma2", s)) for s in (1, 2))
    direction = base.direction(50, 60)
    result = mt.patch(b, [CLEAN], a, NODES, direction)
    assert all(x.passed for x in result.audit), [str(x) for x in result.audit]
    own = [m.run(CLEAN).logits[0, -1] for m in (a, b)]
    gaps = [float(x[50] - x[60]) for x in own]
    assert float(result.donor[0]) == pytest.approx(gaps[0], abs=1e-5)
    assert float(result.baseline[0]) == pytest.approx(gaps[1], abs=1e-5)
    assert result.effects.abs().max() > 1e-3


def test_metrics_agree_with_their_definitions(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    direction = model.direction(50, 60)
    donor = model.run(CLEAN, read=mlp_out[:])
    patched = model.run(CORRUPT, write=Replace(mlp_out[1], donor)).logits[0, -1].double()
    base = model.run(CORRUPT).logits[0, -1].double()
    p, q = base.softmax(-1), patched.softmax(-1)
    expected = {
        "logit_diff": (patched[50] - patched[60]) - (base[50] - base[60]),
        "probability": q[50] - p[50],
        "kl": (p * (p.log() - q.log())).sum(),
    }
    for metric, value in expected.items():
        found = mt.patch(model, [CORRUPT], donor, mlp_out[1], direction, metric=metric)
        assert float(found.effects[0, 0]) == pytest.approx(float(value), abs=1e-6)


def test_the_seeds_columns_and_the_guard_on_effect_size(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    result = mt.patch(
        model, CORRUPT, CLEAN, mlp_out[:], model.direction(50, 60), names=("cooperate", "defect")
    )
    row = result.rows()[0]
    assert set(row) >= {
        "component", "baseline_delta", "baseline_action", "patched_delta", "patched_action",
        "delta_change", "action_flipped", "effect_size",
    }  # fmt: skip
    assert row["delta_change"] == pytest.approx(row["patched_delta"] - row["baseline_delta"])
    from dataclasses import replace

    guarded = replace(result, floor=1e9).rows()
    assert all(r["effect_size"] is None for r in guarded)


def test_only_the_asked_positions_are_patched(checkpoint):
    model = mt.load(str(checkpoint("gpt2")))
    direction = model.direction(50, 60)
    same_start = mt.patch(model, CORRUPT, CLEAN, resid_post[0], direction, positions=(0, 1))
    assert abs(float(same_start.effects[0, 0])) <= 1e-6
    everywhere = mt.patch(model, CORRUPT, CLEAN, resid_post[0], direction)
    assert abs(float(everywhere.effects[0, 0])) > 1e-3


def test_prompts_of_different_length_are_refused(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    with pytest.raises(mt.MicrotomeError, match="equal length"):
        mt.patch(model, "short", "rather longer", mlp_out[:], model.direction(50, 60))


def test_controls_are_read_from_the_same_patches(checkpoint):
    model = mt.load(str(checkpoint("gemma2")))
    own, other = model.direction(50, 60), model.direction(70, 80)
    result = mt.patch(model, CORRUPT, CLEAN, mlp_out[:], own, controls=[own, other])
    torch.testing.assert_close(result.controls[0], result.effects)
    alone = mt.patch(model, CORRUPT, CLEAN, mlp_out[:], other)
    torch.testing.assert_close(result.controls[1], alone.effects)
