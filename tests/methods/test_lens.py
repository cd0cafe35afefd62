"""The logit lens ends in the model's logits and keeps the soft-cap."""

import pytest
import torch

import microtome as mt
from microtome import resid_post
from microtome.methods.lens import Lens
from tests.model.families import params


@pytest.mark.parametrize("family", params())
def test_the_last_layer_is_the_model_and_every_layer_its_own_unembedding(family, checkpoint):
    model = mt.load(str(checkpoint(family)))
    run = model.run(["I defect", "they cooperated"], read=resid_post[:])
    direction = model.direction(50, 60)
    lens = mt.logit_lens(run, direction)
    assert all(a.passed for a in lens.audit)
    states = run.last(resid_post[:])
    logits = model.unembed(states)
    expected = (logits[..., 50] - logits[..., 60]).double()
    torch.testing.assert_close(lens.trajectory, expected, atol=1e-4, rtol=1e-4)


def test_statistics_of_a_known_trajectory(checkpoint):
    model = mt.load(str(checkpoint("llama")))
    trajectory = torch.tensor([[-1.0], [2.0], [3.0], [-4.0]], dtype=torch.float64)
    lens = Lens(trajectory, model.direction(5, 6), ("cooperate", "defect"), ())
    (row,) = lens.statistics()
    assert row["mean_delta"] == 0.0
    assert row["std_delta"] == pytest.approx((30 / 4) ** 0.5)
    assert row["final_delta"] == -4.0
    assert row["final_action"] == "cooperate"
    assert (row["cooperate_layers"], row["defect_layers"]) == (2, 2)
    assert row["flip_layers"] == [1, 3]
    assert list(lens.table()["delta"]) == [-1.0, 2.0, 3.0, -4.0]
