"""dictionary_learning's seven classes against their formulas; its pickles are never executed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from microtome.dictionaries.load import load_dictionary
from microtome.errors import DictionaryError
from microtome.model.site import (
    mlp_out,
    resid_post,
)
from tests.dictionaries.files import D_DICT, D, X, close, parameters


def dictionary_learning(folder: Path, kind: str, state: Any, **trainer: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(state, folder / "ae.pt")
    said = {"trainer": {"dict_class": kind, "lm_name": "EleutherAI/pythia-70m"} | trainer}
    (folder / "config.json").write_text(json.dumps(said))
    return folder


def linear_state(bias: str, **more: Tensor) -> dict[str, Tensor]:
    p = parameters(D, D_DICT)
    found = {"encoder.weight": p["W_enc"].T, "decoder.weight": p["W_dec"].T, bias: p["b_dec"]}
    return found | {"encoder.bias": p["b_enc"]} | more


def learnt(kind: str) -> tuple[dict[str, Tensor], Callable[[dict[str, Tensor]], Tensor]]:
    """(state dict, features of X) of each class, as their authors define them."""
    k, half = torch.tensor(4, dtype=torch.int), torch.tensor(0.5)

    def pre(p: dict[str, Tensor], subtract: bool = True) -> Tensor:
        return (X - subtract * p["b_dec"]) @ p["W_enc"]

    def thresholded(p: dict[str, Tensor]) -> Tensor:
        f = torch.relu(pre(p) + p["b_enc"])
        return f * (f > 0.5)

    def top_k(p: dict[str, Tensor]) -> Tensor:
        top = torch.relu(pre(p) + p["b_enc"]).topk(4)
        return torch.zeros(30, D_DICT).scatter_(1, top.indices, top.values)

    def gated(p: dict[str, Tensor]) -> Tensor:
        return (pre(p) + p["b_enc"] > 0) * torch.relu(2 * pre(p) - p["b_enc"])

    def jump(p: dict[str, Tensor]) -> Tensor:
        return torch.relu(at := pre(p, False) + p["b_enc"]) * (at > p["threshold"])

    p = parameters(D, D_DICT)
    gates = {"r_mag": torch.full((D_DICT,), 2.0).log(), "gate_bias": p["b_enc"]}
    matryoshka = {key: p[key] for key in ("W_enc", "W_dec", "b_enc", "b_dec")}
    table: dict[str, Any] = {
        "AutoEncoder": (linear_state("bias"), lambda p: torch.relu(pre(p) + p["b_enc"])),
        "AutoEncoderNew": (
            linear_state("decoder.bias"),
            lambda p: torch.relu(pre(p, False) + p["b_enc"]),
        ),
        "AutoEncoderTopK": (linear_state("b_dec", k=k, threshold=half), top_k),
        "BatchTopKSAE": (linear_state("b_dec", k=k, threshold=half), thresholded),
        "GatedAutoEncoder": (
            linear_state("decoder_bias", mag_bias=-p["b_enc"], **gates),
            gated,
        ),
        "JumpReluAutoEncoder": (p, jump),
        "MatryoshkaBatchTopKSAE": (
            matryoshka | {"k": k, "threshold": half, "group_sizes": torch.tensor([16, 48])},
            thresholded,
        ),
    }
    return table[kind]


@pytest.mark.parametrize(
    "kind",
    [
        "AutoEncoder",
        "AutoEncoderNew",
        "AutoEncoderTopK",
        "BatchTopKSAE",
        "GatedAutoEncoder",
        "JumpReluAutoEncoder",
        "MatryoshkaBatchTopKSAE",
    ],
)
def test_dictionary_learning(tmp_path: Path, kind: str) -> None:
    p, (state, features) = parameters(D, D_DICT), learnt(kind)
    folder = tmp_path / "resid_post_layer_3" / "trainer_0"
    sae = load_dictionary(dictionary_learning(folder, kind, state))
    f = features(p)
    close(sae.encode(X), f)
    close(sae.reconstruct(X), f @ p["W_dec"] + p["b_dec"])
    assert sae.site_in == resid_post[3]
    if "group_sizes" in state:
        assert sae.origin.facts["matryoshka_groups"] == [16, 48]


def test_its_site_is_not_guessed(tmp_path: Path) -> None:
    state, _ = learnt("AutoEncoder")
    folder = dictionary_learning(tmp_path / "x", "AutoEncoder", state, layer=3)
    assert load_dictionary(folder).site_in is None
    named = {"submodule_name": "mlp_out_layer_4"}
    folder = dictionary_learning(tmp_path / "y", "AutoEncoder", state, **named)
    assert load_dictionary(folder).site_in == mlp_out[4]


def test_a_pickle_with_code_is_not_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    folder = dictionary_learning(tmp_path, "AutoEncoder", {"encoder.weight": Bomb()})
    with pytest.raises(DictionaryError, match=r"could run code\); nothing in it was executed"):
        load_dictionary(folder)
    assert not (tmp_path / "executed").exists()
    (tmp_path / "ae.pt").write_bytes(b"\x80\x04junk")
    with pytest.raises(DictionaryError, match="not a plain file of tensors"):
        load_dictionary(folder)
    with pytest.raises(DictionaryError, match="holds no state dict"):
        load_dictionary(dictionary_learning(tmp_path, "AutoEncoder", [torch.zeros(3)]))
    with pytest.raises(DictionaryError, match="lacks 'bias'; it holds"):
        load_dictionary(dictionary_learning(tmp_path, "AutoEncoder", linear_state("b_dec")))
    with pytest.raises(DictionaryError, match="dict_class 'CrossCoder', which cannot be read"):
        load_dictionary(dictionary_learning(tmp_path, "CrossCoder", {}))
