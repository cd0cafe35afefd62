"""Training: planted directions are found, what is folded on export changes nothing, both
arithmetics agree, dead latents come back."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor

from microtome.dictionaries import selection
from microtome.dictionaries.activations import InMemory
from microtome.dictionaries.loop import Trained
from microtome.dictionaries.nonlinearity import Nonlinearity
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
from microtome.dictionaries.trainee import Outcome, trainee_of
from microtome.dictionaries.trainee_topk import Selecting
from microtome.dictionaries.training import train
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import ConfigError, InputError, NumericsError
from microtome.model.site import mlp_in, mlp_out, resid_post
from tests.dictionaries.unattended import activations

SITE = resid_post[2]
D, CAUSES, K = 16, 24, 3


def planted(tokens: int = 12_000, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Activations made of K of 24 directions each, away from 0; and the directions."""
    g = torch.Generator().manual_seed(seed)
    causes = torch.nn.functional.normalize(torch.randn(CAUSES, D, generator=g), dim=-1)
    ids = torch.rand(tokens, CAUSES, generator=g).topk(K).indices
    values = 1 + torch.rand(tokens, K, generator=g)
    x = torch.einsum("tk,tkd->td", values, causes[ids])
    return 3 * x + 2, causes


def fvu(trained: Trained, x: Tensor, y: Tensor) -> float:
    error = trained.dictionary.reconstruct(x) - y
    return float(error.pow(2).sum() / (y - y.mean(0)).pow(2).sum())


def l0(trained: Trained, x: Tensor) -> float:
    return float((trained.dictionary.encode(x) > 0).sum(-1).float().mean())


def test_planted_directions_are_found_and_a_shuffled_control_is_not():
    x, causes = planted()
    asked = TopK(32, SITE, k=K, dead_after=4000)
    trained = train(asked, x, steps=600, batch=256, lr=1e-2)
    near = (causes @ trained.dictionary.atoms.T).max(1).values
    assert near.mean() > 0.95
    shuffled = torch.stack([column[torch.randperm(len(x))] for column in x.T], 1)
    control = train(asked, shuffled, steps=600, batch=256, lr=1e-2)
    assert fvu(trained, x, x) < 0.08 < 0.2 < fvu(control, shuffled, shuffled)


@pytest.mark.parametrize(
    "asked",
    [
        TopK(48, SITE, k=K),
        BatchTopK(48, SITE, k=K),
        Matryoshka(48, SITE, k=K, groups=(12, 24, 48)),
        JumpReLU(48, SITE, sparsity=2e-2),
        ReLU(48, SITE, l1=5e-2),
    ],
    ids=lambda r: r.kind,
)
def test_every_recipe_learns_and_exports_what_it_learnt(asked: Recipe):
    x, _ = planted()
    trained = train(asked, x, steps=300, batch=512, lr=5e-3)
    first, last = trained.curve[0], trained.curve[-1]
    assert last["fvu"] < 0.6 * first["fvu"]
    assert fvu(trained, x, x) == pytest.approx(last["fvu"], abs=0.02)
    assert l0(trained, x) == pytest.approx(last["l0"], rel=0.1)
    assert isinstance(trained.dictionary, SAE)
    norms = trained.dictionary.w_dec.norm(dim=-1)
    torch.testing.assert_close(norms, torch.ones_like(norms))
    assert trained.dictionary.site_in == trained.dictionary.site_out == SITE


@pytest.fixture
def exact(monkeypatch):
    """Selection in fp32, so that two ways of choosing choose the same."""
    monkeypatch.setattr(selection, "_selection", lambda: torch.float32)


def test_scaling_is_folded_exactly(exact):
    """The exported dictionary gives what the module gave, in the activations' own units."""
    torch.manual_seed(0)
    x, y = planted()[0], planted(seed=1)[0] @ torch.randn(D, 20)
    module = Selecting(TopK(32, mlp_in[1], mlp_out[1], True, k=K), D, 20, 10**9, True)
    module.start(x, y)
    with torch.no_grad():
        module.b_enc.normal_(std=0.1)
        module.b_dec.normal_()
        module.w_skip.normal_(std=0.1)
        normed, _ = module.normed(x, y)
        inner = module.encode(normed).decode(module.w_dec) + module.base(normed)
    made = module.export()
    assert isinstance(made, Transcoder)
    outside = inner / module.scale_out + module.mean_out
    # Two latents that are equal but for rounding at the k-th place may fall either way.
    off = ((made.reconstruct(x) - outside).abs() > 1e-4 * (1 + outside.abs())).any(-1)
    assert int(off.sum()) <= 3
    lengths = (x - module.mean_in).norm(dim=-1).mean() * module.scale_in
    assert float(lengths) == pytest.approx(D**0.5, rel=1e-4)


@pytest.mark.parametrize("asked", [TopK(48, SITE, k=K), BatchTopK(48, SITE, k=K)])
def test_sparse_and_dense_arithmetic_agree(asked, exact):
    x, _ = planted(4000)
    one, two = (train(asked, x, steps=30, batch=256, dense=dense) for dense in (False, True))
    assert one.curve[-1]["fvu"] == pytest.approx(two.curve[-1]["fvu"], rel=1e-3)
    torch.testing.assert_close(one.dictionary.w_dec, two.dictionary.w_dec, rtol=1e-2, atol=1e-2)


def test_a_transcoder_predicts_another_site_and_a_skip_takes_the_linear_part():
    x, _ = planted()
    g = torch.Generator().manual_seed(5)
    y = x @ torch.randn(D, 12, generator=g) + torch.relu(x @ torch.randn(D, 12, generator=g))
    data = {mlp_in[1]: x, mlp_out[1]: y}
    plain = TopK(64, k=K).transcoding(1)
    skipping = replace(plain, skip=True, name="skip")
    one, two = train([plain, skipping], data, steps=400, batch=512, lr=5e-3)
    assert (one.dictionary.site_in, one.dictionary.site_out) == (mlp_in[1], mlp_out[1])
    assert one.dictionary.architecture == "top-k transcoder"
    assert two.dictionary.architecture == "top-k skip transcoder"
    assert fvu(two, x, y) < 0.7 * fvu(one, x, y) < 0.35


def weakened(k_aux: int | None) -> Selecting:
    """A dictionary of which all but 12 latents are too weak to be among the k largest."""
    module = Selecting(TopK(64, SITE, k=K, k_aux=k_aux), D, D, dead_after=2000, sparse=True)
    x, _ = planted()
    module.start(x, x)
    with torch.no_grad():
        module.w_enc[12:] *= 0.05
    return module


def test_dead_latents_get_a_real_encoder_gradient_and_come_back():
    """As many as there are causes to explain; without AuxK some causes stay unexplained."""
    x, _ = planted()
    alive = {}
    for k_aux in (0, None):
        module = weakened(k_aux)
        optimiser = torch.optim.Adam(module.parameters(), lr=5e-3, fused=True)
        for step in range(400):
            at = step * 256 % 11_000
            outcome = module(x[at : at + 256], x[at : at + 256], 0.5)
            outcome.loss.backward()
            if step == 50:
                silent = module.silent >= module.dead_after
                assert silent.sum() >= 10
                reached = module.w_enc.grad[silent].abs().sum(-1) > 0
                assert reached.any() if k_aux is None else not reached.any()
            module.before_update()
            optimiser.step()
            optimiser.zero_grad()
            module.after_update(outcome.fired, 256)
        alive[k_aux] = 64 * (1 - module.dead())
    assert alive[0] < CAUSES - 4 < CAUSES <= alive[None]


def test_together_is_as_one_by_one():
    x, _ = planted(4000)
    recipes = [TopK(32, SITE, k=2, name="a"), BatchTopK(48, SITE, k=4, name="b")]
    both = train(recipes, InMemory({SITE: x}), steps=20, batch=256)
    for asked, trained in zip(recipes, both, strict=True):
        alone = train(asked, x, steps=20, batch=256)
        assert torch.equal(alone.dictionary.w_enc, trained.dictionary.w_enc)
        assert trained.dictionary.origin.facts["training"]["k"] == asked.k


def test_matryoshka_prefixes_reconstruct_alone():
    x, _ = planted()
    nested = train(Matryoshka(48, SITE, k=K, groups=(12, 48)), x, steps=400, batch=512, lr=5e-3)
    flat = train(BatchTopK(48, SITE, k=K), x, steps=400, batch=512, lr=5e-3)

    def prefix_fvu(trained: Trained) -> float:
        made = trained.dictionary
        f = made.encode(x)
        f[:, 12:] = 0
        return float((made.decode(f, x) - x).pow(2).sum() / (x - x.mean(0)).pow(2).sum())

    assert prefix_fvu(nested) < prefix_fvu(flat) - 0.05


def test_refusals_say_what_is_wrong():
    x, _ = planted(300)
    for wrong, message in (
        (lambda: train(TopK(8, k=3), {SITE: x, mlp_in[1]: x}, steps=1), "names no site"),
        (lambda: train(TopK(8, mlp_in[1], k=3), InMemory({SITE: x}), steps=1), "needs mlp_in"),
        (lambda: train(TopK(8, SITE, k=9), x, steps=1), "k=9"),
        (lambda: train([TopK(8, SITE, k=3)] * 2, x, steps=1, batch=8), "by name"),
        (lambda: train(TopK(8, SITE, k=3), x, steps=0), "steps=0"),
        (lambda: recipe("topp", 8), "topk"),
        (lambda: recipe("topk", 8, sparsity=1), "no 'sparsity'"),
        (lambda: Matryoshka(8, SITE, k=2, groups=(4, 2)), "groups="),
        (lambda: TopK(8, SITE, k=2, skip=True), "target"),
    ):
        with pytest.raises(ConfigError, match=message):
            wrong()
    assert Matryoshka(3, SITE, k=2).groups == (1, 3)
    with pytest.raises(InputError, match="smaller batch"):
        train(TopK(8, SITE, k=3), x, steps=1, batch=1000)
    with pytest.raises(NumericsError, match="in row 0 of those given is nan"):
        train(ReLU(8, SITE), x * float("nan"), steps=2, batch=64)


@dataclass(frozen=True)
class Linear(Recipe):
    """A recipe that the loop has never heard of."""

    kind = "linear"


class LinearTrainee(torch.nn.Module):
    """A dense autoencoder, written against the protocol alone."""

    def __init__(self, recipe: Linear, d_in: int) -> None:
        super().__init__()
        self.recipe = recipe
        self.rows = torch.nn.Parameter(0.1 * torch.randn(recipe.d_dict, d_in))
        self.register_buffer("mean", torch.zeros(d_in))
        self.calls: list[str] = []

    def start(self, x: Tensor, y: Tensor) -> None:
        self.mean.copy_(x.mean(0))

    def forward(self, x: Tensor, y: Tensor, done: float) -> Outcome:
        centred = x - self.mean
        f = centred @ self.rows.T
        error = centred - f @ self.rows
        share = error.pow(2).sum() / centred.pow(2).sum()
        parts = {"fvu": share.detach(), "l0": torch.tensor(float(self.recipe.d_dict))}
        return Outcome(share, parts, (f.detach() != 0).sum(0))

    def before_update(self) -> None:
        self.calls.append("before")

    def after_update(self, fired: Tensor, tokens: int) -> None:
        assert self.calls.pop() == "before"

    def dead(self) -> float:
        return 0.0

    def export(self) -> SAE:
        rows = self.rows.detach()
        return SAE(rows, -rows @ self.mean, rows, self.mean.clone(), Identity(),
                   site_in=SITE, site_out=SITE)  # fmt: skip


class Identity(Nonlinearity):
    def __call__(self, product: Tensor, bias: Tensor) -> Tensor:
        return product + bias


@trainee_of.register
def _(recipe: Linear, d_in: int, d_out: int, dead_after: int, sparse: bool) -> LinearTrainee:
    return LinearTrainee(recipe, d_in)


def test_another_shape_of_dictionary_joins_by_the_protocol_alone():
    """It finds the principal components: the error is the variance left after 8 of them."""
    torch.manual_seed(0)
    x, _ = planted(4000)
    linear, topk = train([Linear(8, SITE, name="pca"), TopK(32, SITE, k=K)], x, steps=400,
                         batch=512, lr=1e-2)  # fmt: skip
    spectrum = torch.linalg.svdvals(x - x.mean(0)).pow(2)
    left = float(spectrum[8:].sum() / spectrum.sum())
    assert fvu(linear, x, x) == pytest.approx(left, rel=0.05)
    assert fvu(topk, x, x) < 0.5


@pytest.mark.parametrize("kind", [BatchTopK, Matryoshka])
def test_the_exported_threshold_keeps_k_after_a_short_training_too(kind):
    """A running mean over more steps than were trained would let half as many more fire."""
    x = activations()
    for steps in (60, 200):
        trained = train(kind(128, SITE, k=6), x, steps=steps, batch=256, lr=3e-3)
        assert l0(trained, x) == pytest.approx(6, rel=0.12)
