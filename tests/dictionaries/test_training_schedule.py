"""The learning rate rises, stays and falls to 0; the auxiliary loss has its weight."""

import pytest
import torch
from torch import Tensor

from microtome.dictionaries.loop import Schedule
from microtome.dictionaries.recipes import JumpReLU, TopK
from microtome.dictionaries.trainee_topk import Selecting
from microtome.dictionaries.training import train
from microtome.model.site import resid_post
from tests.dictionaries.unattended import activations

SITE = resid_post[2]


def trapezium(step: int, steps: int, warmup: int, decay: float) -> float:
    """The share of the peak by its three straight pieces."""
    falling = decay * steps
    if step < warmup:
        return (step + 1) / warmup
    return (steps - step) / falling if step > steps - falling else 1.0


@pytest.mark.parametrize(("steps", "warmup", "decay"), [(100, 10, 0.2), (1000, 50, 0.5)])
def test_the_schedule_is_a_trapezium(steps: int, warmup: int, decay: float) -> None:
    found = [Schedule(steps, warmup, decay).at(step) for step in range(steps)]
    due = [trapezium(step, steps, warmup, decay) for step in range(steps)]
    assert found == pytest.approx(due)
    assert found[0] == pytest.approx(1 / warmup)
    assert found[steps // 2] == 1
    assert found[-1] == pytest.approx(1 / (decay * steps))


def test_the_optimiser_steps_at_the_rate_that_is_logged(monkeypatch) -> None:
    """Both groups of a JumpReLU follow it: weights at their rate, thresholds at their own."""
    used: list[list[float]] = []
    step = torch.optim.Adam.step

    def spied(self, *args, **kwargs):
        used.append([group["lr"] for group in self.param_groups])
        return step(self, *args, **kwargs)

    monkeypatch.setattr(torch.optim.Adam, "step", spied)
    asked = JumpReLU(64, SITE, l0=4, lr=2e-3, threshold_lr=3e-2)
    curve = train(asked, activations(2000), steps=50, batch=128, warmup=5, log_every=1).curve
    due = [trapezium(n, 50, 5, 0.2) for n in range(50)]
    assert [row["lr"] for row in curve] == pytest.approx([2e-3 * share for share in due])
    assert used == [pytest.approx([2e-3 * share, 3e-2 * share]) for share in due]


@torch.no_grad()
def auxiliary(module: Selecting, x: Tensor, k: int) -> tuple[float, float]:
    """(FVU, AuxK) by dense arithmetic: dead latents' largest pre-activations model the residual."""
    normed, _ = module.normed(x, x)
    pre = normed @ module.w_enc.T + module.b_enc
    top = pre.topk(module.recipe.k)
    f = torch.zeros_like(pre).scatter_(1, top.indices, top.values.relu())
    error = normed - module.b_dec - f @ module.w_dec
    dead = torch.nonzero(module.silent >= module.dead_after).flatten()
    most = pre[:, dead].topk(k)
    f_dead = torch.zeros(len(x), len(dead)).scatter_(1, most.indices, most.values.relu())
    rest = error - f_dead @ module.w_dec[dead]
    return float(error.pow(2).sum() / normed.pow(2).sum()), float(
        rest.pow(2).sum() / error.pow(2).sum()
    )


@pytest.mark.parametrize("weight", [None, 0.25, 0.0])
def test_the_auxiliary_loss_is_a_share_times_its_weight(weight: float | None) -> None:
    x = activations(1000)
    options = {} if weight is None else {"aux_weight": weight}
    recipe = TopK(64, SITE, k=4, k_aux=6, **options)
    module = Selecting(recipe, 48, 48, dead_after=100, sparse=False)
    module.start(x, x)
    module.silent[:20] = 1000
    with torch.no_grad():
        module.w_enc[:20] *= 0.3
    outcome = module(x, x, 0.5)
    fvu, aux = auxiliary(module, x, 6)
    assert 0.05 < aux < 1.5
    assert float(outcome.parts["fvu"]) == pytest.approx(fvu, rel=1e-3)
    assert float(outcome.parts["aux"]) == pytest.approx(aux, rel=1e-3)
    due = fvu + (1 / 32 if weight is None else weight) * aux
    assert float(outcome.loss.detach()) == pytest.approx(due, rel=1e-3)
    assert due - fvu > 0.001 or weight == 0, "a change of the weight would be lost in rounding"
