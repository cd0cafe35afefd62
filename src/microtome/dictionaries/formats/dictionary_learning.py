"""dictionary_learning (Marks, Karvonen, Mueller): `ae.pt` beside `config.json`.

The class in `config["trainer"]["dict_class"]` tells how the state dict is meant; all take raw
activations. A batch top-k dictionary is used with its one threshold, as release 0.1 does.
"""

import re
from collections.abc import Callable
from typing import Any

import torch

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats.place import Place, section, whole
from microtome.dictionaries.formats.weights import Weights, read_torch
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, ReLU, TopK
from microtome.dictionaries.sae import SAE
from microtome.errors import DictionaryError, suggest
from microtome.model.site import Site, SiteKind

NAME, CONFIG, WEIGHTS = "dictionary_learning", "config.json", "ae.pt"

Fields = dict[str, Any]


def read(place: Place) -> Dictionary:
    """The dictionary in an `ae.pt`, of one of seven classes."""
    trainer = section(place.config(CONFIG), "trainer")
    kind = str(trainer.get("dict_class"))
    if kind not in _CLASSES:
        raise DictionaryError(
            f"{place.folder / CONFIG} names the dict_class {kind!r}, which cannot be read here."
            f"{suggest(kind, _CLASSES)}"
        )
    weights = read_torch(place.file)
    site = _site(place, trainer)
    facts = {"dict_class": kind} | {n: trainer[n] for n in ("layer", "k") if n in trainer}
    if site is not None and site.kind in ("attn_out", "mlp_out"):
        facts["hookpoint"] = f"{site.kind}_layer_{site.layer}"  # the module's, before a post-norm
    if "group_sizes" in weights:  # nested groups of a matryoshka dictionary
        facts["matryoshka_groups"] = [int(n) for n in weights.tensors["group_sizes"].tolist()]
    origin = place.origin(NAME, str(trainer.get("lm_name") or ""), facts)
    return SAE(**_CLASSES[kind](weights, trainer), site_in=site, site_out=site, origin=origin)


def _linear(weights: Weights, bias: str, b_in: bool) -> Fields:
    """Two nn.Linear layers; `bias` is the decoder's, and the input's where `b_in`."""
    b_dec = weights.vector(bias)
    return {
        "w_enc": weights.matrix("encoder.weight"),
        "w_dec": weights.matrix("decoder.weight").T,
        "b_dec": b_dec,
        "b_in": b_dec if b_in else None,
    }


def _relu(weights: Weights, trainer: Fields) -> Fields:
    own = {"b_enc": weights.vector("encoder.bias"), "activation": ReLU()}
    return _linear(weights, "bias", True) | own


def _relu_2024(weights: Weights, trainer: Fields) -> Fields:
    own = {"b_enc": weights.vector("encoder.bias"), "activation": ReLU()}
    return _linear(weights, "decoder.bias", False) | own


def _top_k(weights: Weights, trainer: Fields) -> Fields:
    said = whole(trainer.get("k"))
    k = int(weights.number("k")) if said is None else said
    own = {"b_enc": weights.vector("encoder.bias"), "activation": TopK(k)}
    return _linear(weights, "b_dec", True) | own


def _batch_top_k(weights: Weights, trainer: Fields) -> Fields:
    own = {"b_enc": weights.vector("encoder.bias"), "activation": _one_threshold(weights)}
    return _linear(weights, "b_dec", True) | own


def _matryoshka(weights: Weights, trainer: Fields) -> Fields:
    own = {"b_enc": weights.vector("b_enc"), "activation": _one_threshold(weights)}
    return _parameters(weights, b_in=True) | own


def _gated(weights: Weights, trainer: Fields) -> Fields:
    activation = Gated(weights.vector("gate_bias"), weights.vector("r_mag"))
    own = {"b_enc": weights.vector("mag_bias"), "activation": activation}
    return _linear(weights, "decoder_bias", True) | own


def _jump_relu(weights: Weights, trainer: Fields) -> Fields:
    own = {
        "b_enc": weights.vector("b_enc"),
        "activation": JumpReLU(weights.vector("threshold")),
    }
    return _parameters(weights, b_in=False) | own


_CLASSES: dict[str, Callable[[Weights, Fields], Fields]] = {
    "AutoEncoder": _relu,
    "AutoEncoderNew": _relu_2024,
    "AutoEncoderTopK": _top_k,
    "BatchTopKSAE": _batch_top_k,
    "GatedAutoEncoder": _gated,
    "JumpReluAutoEncoder": _jump_relu,
    "MatryoshkaBatchTopKSAE": _matryoshka,
}


def _parameters(weights: Weights, b_in: bool) -> Fields:
    b_dec = weights.vector("b_dec")
    return {
        "w_enc": weights.matrix("W_enc").T,
        "w_dec": weights.matrix("W_dec"),
        "b_dec": b_dec,
        "b_in": b_dec if b_in else None,
    }


def _one_threshold(weights: Weights) -> JumpReLU:
    return JumpReLU(torch.tensor(weights.number("threshold")))


def _site(place: Place, trainer: Fields) -> Site | None:
    """`resid_post_layer_8`, as the trainer's submodule_name or a folder says it."""
    if section(place.config(CONFIG), "buffer").get("io", "out") != "out":
        return None
    pattern = r"(resid_pre|resid_post|attn_out|mlp_out)_layer_(\d+)"
    told = re.findall(pattern, str(trainer.get("submodule_name") or ""))
    found = told or re.findall(pattern, place.trail)
    return SiteKind(found[-1][0])[int(found[-1][1])] if found else None
