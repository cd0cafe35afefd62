"""A NaN is named before a step is taken, never saved, and never taken for something else."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import torch
from safetensors.torch import load_file

import microtome as mt
from microtome.dictionaries.activations import Batch, Cursor, stream
from microtome.dictionaries.checkpoints import NAME, Progress, load_checkpoint, save_checkpoint
from microtome.dictionaries.finite import not_finite
from microtome.dictionaries.harvest import harvest, windows
from microtome.dictionaries.recipes import BatchTopK, JumpReLU, ReLU, TopK
from microtome.dictionaries.shards import capture, open_shards
from microtome.dictionaries.training import train
from microtome.errors import NumericsError
from microtome.model.site import Site, resid_post
from tests.dictionaries.unattended import activations

SITE = resid_post[2]
TEXTS = ["A robin is a kind of bird.", "A trout is a kind of fish.", "A sparrow is a bird."]


@pytest.mark.parametrize(("value", "word"), [(float("nan"), "nan"), (float("-inf"), "infinite")])
def test_a_row_given_in_memory_is_named_before_any_step(tmp_path, value, word) -> None:
    x = activations(1000)
    x[700, 3] = value
    with pytest.raises(NumericsError, match=rf"at resid_post\[2\] in row 700 .* is {word}"):
        train(TopK(32, SITE, k=4), x, steps=3, batch=128, checkpoint=tmp_path)
    assert not (tmp_path / NAME).exists()


def test_what_only_looks_infinite_is_not() -> None:
    """Finite numbers whose sum overflows fp32; and the first of two bad rows is named."""
    values = torch.ones(6, 8)
    values[1] = 3e38
    assert not_finite(values) is None
    values[4, 2], values[3, 0] = float("nan"), float("inf")
    assert not_finite(values) == (3, "infinite")
    assert not_finite(values.to(torch.bfloat16)[4:]) == (0, "nan")
    assert not_finite(torch.empty(0, 8)) is None


@dataclass
class Flaky:
    """A source whose second round holds a NaN until it is mended; its digest stays."""

    mended: bool = False
    sites: tuple[Site, ...] = (SITE,)
    model: str = ""
    digest: str = "the same"
    asked: list[int] = field(default_factory=list)

    def round(self, number: int, sites: Sequence[Site]) -> Batch:
        self.asked.append(number)
        x = activations(2000).roll(number, 0)
        if number == 1 and not self.mended:
            x[5, 0] = float("nan")
        return {SITE: x}

    def place(self, number: int, row: int, site: Site) -> str:
        return f"row {row} of round {number}"


def test_a_training_goes_on_from_the_last_good_checkpoint(tmp_path) -> None:
    """15 steps a round: the checkpoint of step 10 is whole, and the end is the undisturbed one."""
    recipes = [TopK(32, SITE, k=4, name="a"), JumpReLU(32, SITE, l0=4, name="b")]
    options = {"steps": 40, "batch": 128, "lr": 3e-3, "save_every": 10, "checkpoint": tmp_path}
    source = Flaky()
    with pytest.raises(NumericsError, match="row 5 of round 1 is nan"):
        train(recipes, source, **options)
    assert source.asked == [0, 1]
    held = load_file(tmp_path / NAME)
    assert all(torch.isfinite(v).all() for v in held.values() if v.is_floating_point())
    again = train(recipes, Flaky(mended=True), **options)
    whole = train(recipes, Flaky(mended=True), **options | {"checkpoint": None})
    for one, two in zip(again, whole, strict=True):
        assert torch.equal(one.dictionary.w_enc, two.dictionary.w_enc)
        assert one.curve == two.curve


@pytest.mark.parametrize("asked", [TopK(32, SITE, k=4), BatchTopK(32, SITE, k=4), ReLU(32, SITE)])
def test_a_training_that_diverges_stops_before_the_step(tmp_path, asked) -> None:
    """Every checkpoint between two log lines is finite, and a later start says the same."""
    options = {"steps": 60, "batch": 128, "lr": 1e30, "save_every": 1, "log_every": 1000}
    for _ in range(2):
        with pytest.raises(NumericsError, match=r"diverged .*use a smaller lr"):
            train(asked, activations(2000), **options, checkpoint=tmp_path)
        if (tmp_path / NAME).exists():
            held = load_file(tmp_path / NAME)
            assert all(torch.isfinite(v).all() for v in held.values() if v.is_floating_point())


def test_a_state_that_is_not_finite_is_not_saved(tmp_path) -> None:
    module = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(module.parameters())
    progress = Progress(7, Cursor(), "plan", [[]])
    save_checkpoint(tmp_path, progress, [module], [optimiser])
    before = (tmp_path / NAME).read_bytes()
    with torch.no_grad():
        module.weight[1, 2] = float("nan")
    with pytest.raises(NumericsError, match=r"0\.weights\.weight is not finite at step 7"):
        save_checkpoint(tmp_path, progress, [module], [optimiser])
    assert (tmp_path / NAME).read_bytes() == before
    assert load_checkpoint(tmp_path, "plan", [module], [optimiser]) == progress
    assert torch.isfinite(module.weight).all()


def test_a_row_of_a_shard_is_named(tmp_path) -> None:
    model = mt.load("specimen:world")
    texts = TEXTS * 30
    found = capture(model, texts, [SITE], tmp_path, dtype="float32", shard_tokens=300)
    file = tmp_path / f"{found.manifest['shards'][1]['name']}.resid_post_2.bin"
    raw = torch.frombuffer(bytearray(file.read_bytes()), dtype=torch.float32)
    raw[17 * model.parts.d_model + 4] = float("nan")
    file.write_bytes(raw.numpy().tobytes())
    with pytest.raises(NumericsError, match=rf"in row 17 of {file} is nan"):
        train(TopK(32, SITE, k=4), open_shards(tmp_path), steps=3, batch=64)


@pytest.fixture
def spoilt() -> tuple[mt.Model, int]:
    """A model whose block 2 gives NaN for one token alone; and that token, " fish"."""
    model = mt.load("specimen:world")
    (token,) = model.tokenizer(" fish", add_special_tokens=False)["input_ids"]
    seen: list[torch.Tensor] = []
    model.hf.get_input_embeddings().register_forward_pre_hook(
        lambda module, args: seen.append(args[0])
    )

    def spoil(module: torch.nn.Module, args: object, output: torch.Tensor) -> torch.Tensor:
        return output.masked_fill((seen[-1] == token)[..., None], float("nan"))

    model.parts.block(2).register_forward_hook(spoil)
    return model, token


def test_a_token_of_a_text_is_named_and_its_block_is_not_taken_for_sinks(spoilt, tmp_path) -> None:
    model, token = spoilt
    rows = windows(model, TEXTS, None)
    position = rows[1].index(token)
    said = rf"of token {position} \(' fish'\) of text window 1 \(which begins '.*A trout is a"
    with pytest.raises(NumericsError, match=said) as caught:
        harvest(model, rows, [SITE])
    assert "is nan; leave that text out" in str(caught.value)
    with pytest.raises(NumericsError, match=said):
        capture(model, TEXTS, [SITE], tmp_path)
    for seed in range(3):
        with pytest.raises(NumericsError, match=said):
            train(TopK(32, k=4), stream(model, TEXTS, [SITE], seed=seed), steps=2, batch=8)
    good = harvest(model, [rows[0], rows[2]], [SITE])
    assert good.tokens == len(rows[0]) + len(rows[2]) - 2
    assert good.sinks == 0
    with pytest.raises(NumericsError, match="window 41"):
        harvest(model, rows, [SITE], [40, 41, 42])
