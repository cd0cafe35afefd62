"""One rule for rounding: a result may be off by what `microtome check` allows, in every format."""

import pytest
import torch

import microtome as mt
from microtome import attn_out, head_out, mlp_out, resid_post
from microtome.model.check import check
from microtome.model.tolerance import tolerance

TEXT, OTHER = "I cooperate, not at all! ", "I cooperate, now and then"
SITES = [head_out[:, :], attn_out[:], mlp_out[:]]
EXACT = {"reading is bitwise neutral", "heads of q, k, v = their projections' columns"}


def results(model):
    """Every method whose audit compares two computations of the same number."""
    plus = model.direction(50, 60)
    yield mt.attribute(model, TEXT, plus)
    yield mt.logit_lens(model.run(TEXT, read=resid_post[:]), plus)
    yield mt.patch(model, TEXT, OTHER, SITES, plus)
    yield mt.knock_out(model, TEXT, [(-1, 3)], plus)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("family", ["gemma2", "gpt2"])
def test_results_are_audited_as_strictly_as_the_model_is_checked(family, dtype, checkpoint):
    model = mt.load(str(checkpoint(family)), dtype=dtype, device="cpu")
    asked = {a.bound for a in check(model) if a.relation == "<=" and a.name not in EXACT}
    assert asked == {tolerance(getattr(torch, dtype))}
    audits = [audit for result in results(model) for audit in result.audit]
    assert {audit.bound for audit in audits} == asked
    assert all(audit.passed for audit in audits), [str(a) for a in audits if not a.passed]


def test_each_format_allows_what_its_rounding_makes():
    """Some ten units of the last place: no format is judged by the bound of a coarser one."""
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert 1 < tolerance(dtype) / torch.finfo(dtype).eps < 100
    assert tolerance(torch.float32) < tolerance(torch.float16) < tolerance(torch.bfloat16)
    assert tolerance(torch.float64) == tolerance(torch.float32)
    assert tolerance(torch.float16, least=1e-4) == tolerance(torch.float16)
    assert tolerance(torch.float32, least=1e-4) == 1e-4


def test_a_swapped_weight_in_half_precision_is_audited_by_the_same_rule(checkpoint, adapter):
    base = mt.load(str(checkpoint("llama")), dtype="float16", device="cpu")
    one, two = (base.with_adapter(adapter("llama", seed)) for seed in (1, 2))
    swapped = mt.swap_weights(one, TEXT, two, mlp_out[:], base.direction(50, 60))
    assert [audit.bound for audit in swapped.audit] == [tolerance(torch.float16)]
    assert all(audit.passed for audit in swapped.audit)
