"""Our own format: what is written comes back bit for bit, and damage is named."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import microtome as mt
from microtome.dictionaries.dictionary import Origin
from microtome.dictionaries.fit import check_fits
from microtome.dictionaries.load import dictionaries_in, load_dictionary, save_dictionary
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, Nonlinearity, ReLU, TopK
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.errors import DictionaryError
from microtome.model.site import mlp_out, resid_post
from tests.dictionaries.files import gemma_scope
from tests.dictionaries.planted import random_sae, random_transcoder

SEEDED = torch.Generator().manual_seed(5)
ACTIVATIONS = [
    ReLU(),
    TopK(3),
    JumpReLU(torch.rand(32, generator=SEEDED)),
    JumpReLU(torch.tensor(0.4)),
    Gated(torch.randn(32, generator=SEEDED), torch.randn(32, generator=SEEDED)),
]


def same(one: SAE, other: SAE) -> None:
    assert type(one) is type(other)
    assert one.architecture == other.architecture
    assert (one.site_in, one.site_out, one.norm) == (other.site_in, other.site_out, other.norm)
    assert one.tensors().keys() == other.tensors().keys()
    for name, tensor in one.tensors().items():
        assert torch.equal(tensor, other.tensors()[name])
        assert tensor.dtype == other.tensors()[name].dtype
    x = torch.randn(7, one.d_in)
    # Equal weights at other addresses may be multiplied in another order, with several threads.
    torch.testing.assert_close(one.encode(x), other.encode(x), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(one.reconstruct(x), other.reconstruct(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
@pytest.mark.parametrize("norm", ["none", "constant", "layer", "unit"])
def test_round_trip(tmp_path: Path, activation: Nonlinearity, norm: str) -> None:
    sae = random_sae(16, activation=activation, norm=InputNorm(norm))
    tied = replace(sae, b_in=sae.b_dec)  # one tensor under two names
    for one in (sae, tied):
        same(load_dictionary(save_dictionary(one, tmp_path)), one)


def test_a_skip_transcoder_and_low_precision(tmp_path: Path) -> None:
    coder = random_transcoder(16)
    same(load_dictionary(save_dictionary(coder, tmp_path / "a")), coder)
    half = replace(coder, w_enc=coder.w_enc.bfloat16(), w_dec=coder.w_dec.half())
    same(load_dictionary(save_dictionary(half, tmp_path / "b")), half)


def test_its_history_is_kept(tmp_path: Path) -> None:
    facts = {"fvu": 0.1, "l0": 30, "matryoshka_groups": [16, 16]}
    origin = Origin("trained here", "memory", model="specimen:world", facts=facts, stand_in="no")
    sae = replace(random_sae(16), origin=origin)
    found = load_dictionary(save_dictionary(sae, tmp_path)).origin
    assert found.facts == facts | {
        "made_from_source": "trained here",
        "made_from_format": "memory",
    }
    assert (found.source, found.model, found.stand_in) == (str(tmp_path), "specimen:world", "no")


def test_gemma_scope_becomes_ours(tmp_path: Path) -> None:
    theirs = load_dictionary(gemma_scope(tmp_path))
    mine = load_dictionary(save_dictionary(theirs, tmp_path / "ours"))
    same(mine, theirs)
    assert mine.origin.facts["made_from_sha256"] == theirs.origin.sha256


def test_damage_is_named(tmp_path: Path) -> None:
    save_dictionary(random_sae(16, activation=TopK(3)), tmp_path)
    config = json.loads((tmp_path / "dictionary.json").read_text())

    def with_(**changes: object) -> Path:
        (tmp_path / "dictionary.json").write_text(json.dumps(config | changes))
        return tmp_path

    cases = {
        "version": (9, "version 9; 'microtome', version 1"),
        "class": ("Hydra", "names the class 'Hydra', which is unknown"),
        "norm": ("batch", "names the norm 'batch'"),
        "activation": ({"name": "TopK"}, "lacks 'k', which TopK needs"),
        "sha256": ("0" * 64, "is not the file that dictionary.json was written for"),
    }
    for field, (value, said) in cases.items():
        with pytest.raises(DictionaryError, match=said):
            load_dictionary(with_(**{field: value}))
    file = tmp_path / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-40])
    with pytest.raises(DictionaryError, match="cannot be read as a safetensors file"):
        load_dictionary(with_())
    (tmp_path / "dictionary.json").unlink()
    with pytest.raises(DictionaryError, match=r"no dictionary.json, which says how to read it"):
        load_dictionary(tmp_path)


def test_a_class_of_ones_own_is_refused(tmp_path: Path) -> None:
    class Mine(SAE):
        pass

    with pytest.raises(DictionaryError, match="A Mine cannot be saved"):
        save_dictionary(Mine(**vars(random_sae(16))), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def world() -> mt.Model:
    return mt.load("specimen:world")


def test_one_for_another_model_is_refused(world: mt.Model, tmp_path: Path) -> None:
    d = world.parts.d_model
    check_fits(random_sae(d), world)
    check_fits(random_transcoder(d), world)
    with pytest.raises(DictionaryError, match=f"width 16 at resid_post.2. and .* has {d}"):
        load_dictionary(save_dictionary(random_sae(16), tmp_path), model=world)
    with pytest.raises(DictionaryError, match=r"belongs to resid_post\[25\] and .* layers 0 to 4"):
        check_fits(random_sae(d, site=resid_post[25]), world)
    with pytest.raises(DictionaryError, match=f"width 16 and .* has {d}"):
        check_fits(replace(random_sae(16), site_in=None, site_out=None), world)


def test_a_sublayer_before_its_post_norm_is_refused(world: mt.Model) -> None:
    """sparsify reads the output of `layers.2.mlp`, which Gemma-2 normalises before adding it."""
    origin = Origin(source="theirs", facts={"hookpoint": "layers.2.mlp"})
    sae = replace(random_sae(world.parts.d_model, site=mlp_out[2]), origin=origin)
    with pytest.raises(DictionaryError, match=r"layers\.2\.mlp, which .* normalises before"):
        check_fits(sae, world)
    check_fits(replace(sae, site_in=resid_post[2], site_out=resid_post[2]), world)
    check_fits(replace(sae, origin=Origin()), world)


def test_every_site_of_the_model_has_the_width_said(world: mt.Model) -> None:
    from microtome.dictionaries.fit import site_width
    from microtome.model.site import AXES, Site

    for kind, axes in AXES.items():
        if kind != "attn_pattern":
            site = Site(kind, (1,) * len(axes))
            assert world.run("A robin", read=site)[site].shape[-1] == site_width(world, site)


def test_which_dictionary_is_meant(tmp_path: Path) -> None:
    with pytest.raises(DictionaryError, match="There is no dictionary in"):
        load_dictionary(tmp_path)
    for layer in (10, 2):
        save_dictionary(random_sae(16, site=resid_post[layer]), tmp_path / f"layer_{layer}")
    with pytest.raises(DictionaryError, match=r"holds 2 dictionaries \(layer_2, layer_10\); name"):
        load_dictionary(tmp_path)
    assert [load_dictionary(one).site_in for one in dictionaries_in(tmp_path)] == [
        resid_post[2],
        resid_post[10],
    ]
    (tmp_path / "weights.bin").touch()
    with pytest.raises(DictionaryError, match="not called as a known format"):
        load_dictionary(tmp_path / "weights.bin")
    with pytest.raises(DictionaryError, match="no such file or folder"):
        load_dictionary(tmp_path / "absent")
    with pytest.raises(DictionaryError, match="named owner/repository/folder"):
        load_dictionary("absent")
    with pytest.raises(DictionaryError, match="No specimen dictionary 'specimen:world/none'"):
        load_dictionary("specimen:world/none")


def test_naming_the_site(tmp_path: Path) -> None:
    save_dictionary(replace(random_sae(16), site_in=None, site_out=None), tmp_path / "sae")
    assert load_dictionary(tmp_path / "sae", mlp_out[1]).site_out == mlp_out[1]
    save_dictionary(random_transcoder(16), tmp_path / "coder")
    with pytest.raises(DictionaryError, match="reads one site and writes another"):
        load_dictionary(tmp_path / "coder", "mlp_in[1]")
    moved = load_dictionary(tmp_path / "coder", ("mlp_in[1]", "mlp_out[1]"))
    assert moved.site_out == mlp_out[1]
