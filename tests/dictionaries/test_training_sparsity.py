"""Penalised recipes meet their target L0, on data where the truth is known."""

import math

import pytest
import torch
from torch import Tensor

from microtome.dictionaries.recipes import (
    BatchTopK,
    JumpReLU,
    Matryoshka,
    Recipe,
    ReLU,
    TopK,
    recipe,
)
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.trainee_penalty import Jumping, Shrinking, _Jump, _Step
from microtome.dictionaries.training import train
from microtome.errors import ConfigError
from microtome.model.site import mlp_in, mlp_out, resid_mid, resid_post, resid_pre

SITE = resid_post[2]


def atoms_and_data(
    atoms: int, d: int, active: int, tokens: int, seed: int
) -> tuple[Tensor, Tensor]:
    """Unit directions "atoms d" that depend on their number alone; tokens made of some of them."""
    fixed = torch.Generator().manual_seed(1)
    directions = torch.nn.functional.normalize(torch.randn(atoms, d, generator=fixed), dim=-1)
    g = torch.Generator().manual_seed(seed)
    on = torch.rand(tokens, atoms, generator=g).topk(active).indices
    sizes = torch.zeros(tokens, atoms)
    sizes.scatter_(1, on, 1 + torch.rand(tokens, active, generator=g))
    return directions, sizes @ directions


def true_l0(sae: SAE, x: Tensor) -> float:
    """Latents per token from the weights themselves: relu(x W + b), hard threshold, no `encode`."""
    pre = x @ sae.w_enc.T + sae.b_enc
    threshold = getattr(sae.activation, "threshold", torch.zeros(()))
    return float(((pre > threshold) & (pre > 0)).float().sum(1).mean())


def mmcs(directions: Tensor, sae: SAE) -> float:
    """Mean over the true directions of the largest cosine with an atom."""
    rows = sae.atoms / sae.atoms.norm(dim=-1, keepdim=True)
    return float((directions @ rows.T).max(1).values.mean())


@pytest.mark.parametrize("target", [3.0, 6.0])
@pytest.mark.parametrize("kind", [JumpReLU, ReLU])
def test_a_target_l0_is_met_on_fresh_data(kind: type[Recipe], target: float) -> None:
    """Also where it is not the number of causes; each at one rate and two data scales."""
    _, x = atoms_and_data(24, 16, 3, 12_000, 0)
    _, fresh = atoms_and_data(24, 16, 3, 4000, 1)
    asked = recipe(kind.kind, 48, site=SITE, l0=target)
    for scale in (1.0, 300.0):
        sae = train(asked, scale * x + 2 * scale, steps=500, batch=512, lr=5e-3).dictionary
        assert true_l0(sae, scale * fresh + 2 * scale) == pytest.approx(target, rel=0.1)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (TopK(256, SITE, k=8), 0.93),
        (BatchTopK(256, SITE, k=8), 0.88),
        (Matryoshka(256, SITE, k=8), 0.75),
        (JumpReLU(256, SITE, l0=8), 0.93),
        (ReLU(256, SITE, l0=8), 0.85),
    ],
    ids=lambda value: getattr(value, "kind", None),
)
def test_planted_atoms_are_recovered_at_the_target(asked: Recipe, found: float) -> None:
    """256 atoms in 64 dimensions, 8 active, 1,200 steps of 2048; beside SAELens in bench/."""
    directions, x = atoms_and_data(256, 64, 8, 2**18, 0)
    _, fresh = atoms_and_data(256, 64, 8, 8192, 9)
    sae = train(asked, x, steps=1200).dictionary
    assert true_l0(sae, fresh) == pytest.approx(8, rel=0.1)
    assert mmcs(directions, sae) > found


def test_the_weight_follows_the_excess_and_a_fixed_one_does_not() -> None:
    _, x = atoms_and_data(24, 16, 3, 512, 0)
    for module in (Jumping(JumpReLU(48, SITE, l0=2), 16, 16, 10**9),
                   Shrinking(ReLU(48, SITE, l0=2), 16, 16, 10**9)):  # fmt: skip
        module.start(x, x)
        start = float(module.weight)
        for factor, grows in ((2.0, True), (0.5, False)):
            module.weight.fill_(start)
            module.excess.zero_()
            for step in range(5):
                module.steer(torch.tensor(factor * 2), 0.5 + step / 1000)
            assert (float(module.weight) > start) == grows
        for step in range(5000):
            module.steer(torch.tensor(40.0), step / 5000)
        assert math.isfinite(float(module.weight))
    fixed = Jumping(JumpReLU(48, SITE, sparsity=3e-2), 16, 16, 10**9).train()
    fixed.start(x, x)
    fixed(x, x, 0.5)
    assert float(fixed.weight) == pytest.approx(3e-2)


def test_a_jump_starts_where_as_many_fire_as_are_aimed_at() -> None:
    _, x = atoms_and_data(24, 16, 3, 2048, 0)
    for kind, scale in ((JumpReLU(48, SITE, l0=5), 1.0), (JumpReLU(48, SITE, l0=5), 1e3)):
        module = Jumping(kind, 16, 16, 10**9)
        module.start(scale * x, scale * x)
        normed, _ = module.normed(scale * x, scale * x)
        fired = (module.features(module.pre(normed)) > 0).sum(-1).float().mean()
        assert float(fired) == pytest.approx(5, rel=0.01)
        assert module.threshold.min() > 0.1


def test_the_thresholds_gradient_is_that_of_what_is_counted() -> None:
    """A box kernel's gradient is a central difference over its width, sign and size."""
    g = torch.Generator().manual_seed(0)
    pre = 2 * torch.rand(20_000, 3, generator=g)
    threshold = torch.tensor([0.5, 1.0, 1.4], requires_grad=True)
    width = 0.1
    up, down = threshold.detach() + width / 2, threshold.detach() - width / 2

    _Step.apply(pre, threshold, width).sum().backward()
    counted = ((pre > up).sum(0) - (pre > down).sum(0)) / width
    torch.testing.assert_close(threshold.grad, counted.float(), rtol=1e-5, atol=0)
    assert (counted < 0).all(), "a higher threshold lets fewer fire"

    threshold.grad = None
    values = pre.clone().requires_grad_()
    weights = torch.tensor([1.0, -2.0, 3.0])
    (_Jump.apply(values, threshold, width) * weights).sum().backward()
    kept = [(pre * (pre > at) * weights).sum(0) for at in (up, down)]
    torch.testing.assert_close(threshold.grad, (kept[0] - kept[1]) / width, rtol=0.02, atol=0)
    assert torch.equal(values.grad, (pre > threshold.detach()) * weights)


def test_bad_numbers_are_refused_in_a_sentence() -> None:
    nan, inf = float("nan"), float("inf")
    for wrong, message in (
        (lambda: JumpReLU(8, sparsity=-1), "sparsity=-1 was asked for; the weight of a penalty"),
        (lambda: JumpReLU(8, sparsity=nan), "sparsity=nan"),
        (lambda: ReLU(8, l1=-0.1), "l1=-0.1"),
        (lambda: ReLU(8, l1=inf), "l1=inf"),
        (lambda: JumpReLU(8, l0=0), "l0=0 latents"),
        (lambda: JumpReLU(8, l0=nan), "l0=nan"),
        (lambda: ReLU(8, l0=8), "less than d_dict=8"),
        (lambda: JumpReLU(8, l0=2, sparsity=0.1), "either steered to an L0 or fixed"),
        (lambda: JumpReLU(8, bandwidth=0), "bandwidth=0"),
        (lambda: JumpReLU(8, threshold_lr=-1), "threshold_lr=-1"),
        (lambda: JumpReLU(8, start_threshold=-1), "start_threshold=-1"),
        (lambda: TopK(8, k=2, lr=inf), "lr=inf"),
        (lambda: TopK(8, k=2, aux_weight=-1), "aux_weight=-1"),
        (lambda: TopK(8, k=2, k_aux=-1), "k_aux=-1"),
        (lambda: TopK(8, k=2, dead_after=0), "dead_after=0"),
    ):
        with pytest.raises(ConfigError, match=message) as caught:
            wrong()
        assert "\n" not in str(caught.value)
    assert JumpReLU(8, sparsity=0).fixed == 0
    assert (JumpReLU(8).aim, JumpReLU(512).aim, ReLU(512, l0=7.5).aim) == (4, 32, 7.5)


def test_a_transcoder_predicts_what_comes_later() -> None:
    for site, target in ((mlp_out[1], mlp_in[1]), (resid_post[2], resid_pre[1]),
                         (mlp_in[1], resid_mid[1]), (resid_post[-1], mlp_in[-1])):  # fmt: skip
        with pytest.raises(ConfigError, match=r"computes .* first; exchange site and target"):
            TopK(8, site, target, k=2)
    for site, target in ((mlp_in[1], mlp_out[1]), (resid_post[1], resid_pre[3]),
                         (resid_post[-1], mlp_in[2]), (resid_mid[0], mlp_in[0])):  # fmt: skip
        assert TopK(8, site, target, k=2).writes == target
