"""Planted effects are claimed, permuted ones are not, and a design too small says so."""

import pytest
import torch

import microtome as mt
from microtome.methods.nulls import peers, significance
from microtome.specimens.planted import Planted
from tests.methods.test_estimates import NODES, planted_case


@pytest.fixture(scope="module")
def keys():
    """Exact effects on twelve prompts, along the answers and along the permuted control."""
    case, truth = planted_case("gpt2", 8.0, False, "keys", 12)
    model, corrupt, clean, _, _ = case
    control = Planted("gpt2", beta=8.0).prompts(12, "keys", seed=1, permuted=True)
    directions = [model.direction(p.answer.strip(), p.other.strip()) for p in control]
    null = mt.patch(model, corrupt, clean, NODES, directions, audited=False)
    return mt.patch(*case), null, truth


def test_the_circuit_is_claimed_and_a_permuted_metric_gives_none_of_it(keys):
    exact, null, truth = keys
    found = significance(exact)
    assert truth <= set(found.claimed)
    assert {node for node, _, _ in found.top(3)} == truth
    assert all(a.passed for a in found.audit), [str(a) for a in found.audit]
    assert not truth & set(significance(null).claimed)


def test_max_t_is_stricter_than_benjamini_hochberg_and_both_are_p_values(keys):
    found = significance(keys[0])
    assert ((found.max_t > 0) & (found.max_t <= 1)).all()
    again = significance(keys[0])
    assert (again.max_t == found.max_t).all(), "the same seed gives the same"
    assert (found.q <= 0.05).sum() >= len(found.claimed)


@pytest.mark.parametrize(("test", "least"), [("symmetric_about_0", 2 / 2**4), ("mean_is_0", 1.0)])
def test_a_design_too_small_says_so(keys, test, least):
    """Twelve prompts of four scenarios: flips give 2/2^4, and a mean of 0 is not tested."""
    clusters = [i % 4 for i in range(12)]
    found = significance(keys[0], clusters, test=test)
    assert found.smallest == least
    assert not found.reachable
    assert found.claimed == ()
    assert "cannot reach significance" in found.statement
    assert not found.audit[0].passed
    assert float(found.max_t.min()) >= found.smallest
    assert "max-T over 12 clusters" in significance(keys[0]).statement


def test_a_layer_compares_like_with_like(keys):
    exact, _, _ = keys
    assert peers("L1H0", exact.nodes) == ("L1H0", "L1H1", "L1H2", "L1H3")
    assert peers("L2_MLP", exact.nodes) == ("L2_MLP",)
    rows = {row["component"]: row for row in significance(exact).rows()}
    assert min(rows[n]["p_layer"] for n in peers("L1H0", exact.nodes)) == 0.25
    assert rows["L2_MLP"]["p_layer"] == 1.0
    assert torch.tensor([rows[n]["p_layer"] for n in peers("L3H0", exact.nodes)]).max() == 1.0


def test_an_unknown_test_is_refused(keys):
    with pytest.raises(mt.errors.InputError, match="no test 'flips'; take mean_is_0 or symmetric"):
        significance(keys[0], test="flips")
