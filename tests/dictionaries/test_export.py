"""Files for other libraries: the same function comes back, and what they lack is refused."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from microtome.dictionaries.dictionary import Origin
from microtome.dictionaries.export import export
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, Nonlinearity, ReLU, TopK
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.errors import ConfigError, DictionaryError
from microtome.model.site import head_z, mlp_act, mlp_normed, mlp_out, q, resid_post
from tests.dictionaries.files import X, close
from tests.dictionaries.planted import random_sae, random_transcoder

SEEDED = torch.Generator().manual_seed(5)
ACTIVATIONS = [
    ReLU(),
    TopK(3),
    JumpReLU(torch.rand(32, generator=SEEDED)),
    JumpReLU(torch.tensor(0.3)),
    Gated(torch.randn(32, generator=SEEDED), 0.3 * torch.randn(32, generator=SEEDED)),
]


def alike(found: SAE, expected: SAE) -> None:
    close(found.encode(X), expected.encode(X))
    close(found.reconstruct(X), expected.reconstruct(X))
    assert (found.site_in, found.site_out) == (expected.site_in, expected.site_out)
    change = torch.rand(30, 2)
    one, two = (d.write(change, torch.tensor([3, 4]), X) for d in (found, expected))
    close(one, two)


@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda a: a.name)
@pytest.mark.parametrize("norm", ["none", "constant", "layer", "unit"])
@pytest.mark.parametrize("offset", ["none", "b_dec", "own"])
def test_saelens(tmp_path: Path, activation: Nonlinearity, norm: str, offset: str) -> None:
    sae = random_sae(16, activation=activation, norm=InputNorm(norm))
    b_in = {"none": None, "b_dec": sae.b_dec, "own": 0.3 * torch.randn(16)}[offset]
    sae = replace(sae, b_in=b_in, origin=Origin(model="gpt2", stand_in="random"))
    found = load_dictionary(export(sae, tmp_path, "saelens"))
    alike(found, sae)
    assert found.origin.model == "gpt2"
    assert found.origin.facts["stand_in"] == "random"


@pytest.mark.parametrize("format", ["saelens", "circuit-tracer", "ours"])
@pytest.mark.parametrize("activation", ACTIVATIONS[:3])
@pytest.mark.parametrize("skip", [False, True])
def test_transcoders(tmp_path, format, activation, skip) -> None:
    coder = replace(random_transcoder(16), activation=activation, b_in=0.3 * torch.randn(16))
    coder = coder if skip else replace(coder, w_skip=None)
    if format == "saelens" and isinstance(activation, TopK):
        with pytest.raises(DictionaryError, match="has ReLU and JumpReLU transcoders"):
            export(coder, tmp_path, format)
        return
    alike(load_dictionary(export(coder, tmp_path, format)), coder)


def test_head_and_site_names(tmp_path: Path) -> None:
    for at, site in enumerate((head_z[2, 3], mlp_act[1], mlp_normed[0], resid_post[4])):
        sae = random_sae(16, site=site)
        alike(load_dictionary(export(sae, tmp_path / str(at), "saelens")), sae)


def test_a_circuit_tracer_set_grows_layer_by_layer(tmp_path: Path) -> None:
    coders = [random_transcoder(16, layer=layer, seed=layer) for layer in (0, 1)]
    for coder in coders:
        export(coder, tmp_path, "circuit-tracer")
    for layer, coder in enumerate(coders):
        alike(load_dictionary(tmp_path / f"layer_{layer}.safetensors"), coder)
    other = replace(coders[0], site_in=mlp_normed[2], site_out=mlp_out[2])
    with pytest.raises(DictionaryError, match="describes another set"):
        export(other, tmp_path, "circuit-tracer")
    assert not (tmp_path / "layer_2.safetensors").exists()


@pytest.mark.parametrize(
    ("dictionary", "format", "said"),
    [
        (replace(random_transcoder(16), activation=TopK(3)), "saelens", "ReLU and JumpReLU trans"),
        (replace(random_transcoder(16), norm=InputNorm("layer")), "saelens", "layer norm per tok"),
        (random_sae(16, site=q[1, 2]), "saelens", r"no name for the site q\[1, 2\]"),
        (random_sae(16), "circuit-tracer", "this is a ReLU SAE"),
        (
            replace(random_transcoder(16), activation=ACTIVATIONS[-1]),
            "circuit-tracer",
            "no Gated transcoders",
        ),
        (
            replace(random_transcoder(16), site_in=None, site_out=None),
            "circuit-tracer",
            "two sites of one layer",
        ),
        (
            replace(random_transcoder(16), site_out=mlp_out[4]),
            "circuit-tracer",
            r"this dictionary has mlp_in\[2\] and mlp_out\[4\]",
        ),
        (random_sae(16), "onnx", "No format 'onnx' to write. There are: circuit-tracer, ours, sae"),
    ],
)
def test_what_cannot_be_said_is_refused(tmp_path, dictionary, format, said) -> None:
    with pytest.raises(DictionaryError, match=said):
        export(dictionary, tmp_path, format)
    assert not list(tmp_path.iterdir())


def test_a_class_that_other_libraries_lack(tmp_path: Path) -> None:
    class Mine(SAE):
        pass

    for format in ("saelens", "circuit-tracer"):
        with pytest.raises(DictionaryError, match="has no ReLU SAE; keep it in our"):
            export(Mine(**vars(random_sae(16))), tmp_path, format)


def test_a_broken_set_configuration_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        export(random_transcoder(16), tmp_path, "circuit-tracer")


@pytest.mark.parametrize("format", ["saelens", "circuit-tracer", "ours"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_with_an_offset_of_its_own(tmp_path, format, dtype) -> None:
    """What moves into a bias, and a threshold in fp32, is not rounded to the weights' precision."""
    coder = random_transcoder(16)
    half = {k: v.to(dtype) for k, v in coder.tensors().items() if k != "threshold"}
    threshold = JumpReLU(0.2 + 0.1 * torch.rand(32))
    coder = replace(coder, **half, b_in=(0.3 * torch.randn(16)).to(dtype), activation=threshold)
    found = load_dictionary(export(coder, tmp_path, format))
    assert isinstance(found, SAE)
    assert isinstance(found.activation, JumpReLU)
    close(found.encode(X), coder.encode(X))
    assert torch.equal(found.activation.threshold, threshold.threshold)
