"""Parts sum to the logit gap, per layer and in total, and predict what removing one does."""

import pytest
import torch

import microtome as mt
from microtome.model.anatomy import FAMILIES
from tests.model.families import params

TEXTS = ["They defected last round.", "no"]


@pytest.fixture(params=params())
def model(request, checkpoint):
    return mt.load(str(checkpoint(request.param)))


def test_completeness_in_total_and_per_layer(model):
    split = mt.attribute(model, TEXTS, model.direction(50, 60))
    assert all(a.passed for a in split.audit), split.audit
    total = split.table().groupby("row")["contribution"].sum().to_numpy()
    logits = model.run(TEXTS, logits="last").logits.double()
    gap = (logits[:, 50] - logits[:, 60]).numpy()
    mass = split.table()["contribution"].abs().groupby(split.table()["row"]).sum().to_numpy()
    assert (abs(total - gap) / mass).max() <= 1e-5


def test_uncapped_parts_differ_by_one_factor(model):
    direction = model.direction(50, 60)
    capped = mt.attribute(model, TEXTS, direction)
    plain = mt.attribute(model, TEXTS, direction, units="uncapped")
    assert (capped.kappa == 1).all() == (model.parts.anatomy.softcap is None)
    torch.testing.assert_close(
        capped.heads, plain.heads * capped.kappa[:, None, None], atol=1e-9, rtol=1e-9
    )


def test_a_contribution_is_what_the_frozen_readout_loses_without_it(model):
    """Subtract one MLP's write from the last state, keep the norm's scale: Δ falls by its part."""
    direction = model.direction(50, 60)
    split = mt.attribute(model, TEXTS[0], direction, units="uncapped")
    run = model.run(TEXTS[0], read=[mt.resid_post[-1], mt.mlp_out[1]])
    norm = model.parts.final_norm
    final = run.last(mt.resid_post[-1])
    scale = norm.scale(final)
    without = norm.frozen(final - run.last(mt.mlp_out[1]), scale) @ direction.vector
    with_it = norm.frozen(final, scale) @ direction.vector
    assert float(split.mlps[0, 1]) == pytest.approx(float(with_it - without), abs=1e-4)


def test_top_names_the_largest_on_each_side(model):
    split = mt.attribute(model, TEXTS[0], model.direction(50, 60))
    top = split.top(3)
    values = [v for _, v in top["plus"]]
    assert values == sorted(values, reverse=True)
    assert all(v < 0 for _, v in top["minus"])
    table = split.table()
    parts = table[table["kind"].isin(["head", "mlp"])].set_index("component")["contribution"]
    if top["plus"]:
        assert parts.idxmax() == top["plus"][0][0]


def test_skipping_the_post_norm_would_show_in_the_layer_audit(checkpoint):
    """What a well-known library does on Gemma-2: heads without their post-attention norm."""
    from dataclasses import replace

    wrong = replace(FAMILIES["gemma2"], attn_post_norm=None)
    model = mt.load(str(checkpoint("gemma2")), anatomy=wrong, verify=False)
    split = mt.attribute(model, TEXTS, model.direction(50, 60))
    failed = {a.name for a in split.audit if not a.passed}
    assert "completeness per layer: heads + bias = attention" in failed


def test_bf16_rounding_is_its_own_line(checkpoint):
    model = mt.load(str(checkpoint("gemma2")), dtype="bfloat16")
    split = mt.attribute(model, TEXTS, model.direction(50, 60))
    assert split.rounding.abs().max() > 1e-6
    assert all(a.passed for a in split.audit), split.audit


def test_a_direction_of_another_space_is_refused(model):
    from dataclasses import replace

    with pytest.raises(mt.MicrotomeError, match="unembedding space"):
        mt.attribute(model, "hello", replace(model.direction(5, 6), space="residual"))
