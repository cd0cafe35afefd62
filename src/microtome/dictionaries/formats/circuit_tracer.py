"""circuit-tracer sets: `config.yaml` beside `layer_0.safetensors`, `layer_1.safetensors`, ...

    f = act(W_enc x + b_enc),   y = f W_dec + b_dec (+ W_skip x);   W_enc and W_dec "d_dict d"

A layer's JumpReLU threshold is `activation_function.threshold`; top-k is said by the set's
configuration. The hooks are said once for all layers. One file is one dictionary here, mapped into
memory, so that a set costs what is used of it.
"""

import json
import re
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats.expressed import own_norm, plain_encoder, transcoder
from microtome.dictionaries.formats.hooks import block_hook, block_site, sublayer_fact
from microtome.dictionaries.formats.ours import unshared
from microtome.dictionaries.formats.place import Place, whole
from microtome.dictionaries.formats.weights import Weights, read_safetensors
from microtome.dictionaries.nonlinearity import JumpReLU, Nonlinearity, ReLU, TopK
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError
from microtome.files import load_yaml, write_atomic
from microtome.model.site import Site

NAME, CONFIG, WEIGHTS = "circuit-tracer", "config.yaml", "layer_*.safetensors"
_THRESHOLD = "activation_function.threshold"


def read(place: Place) -> Dictionary:
    """One layer's transcoder."""
    config = _config(place.folder)
    if config.get("model_kind", "transcoder_set") != "transcoder_set":
        raise DictionaryError(
            f"{place.folder / CONFIG} describes a {config['model_kind']}; a set of per-layer "
            f"transcoders ('transcoder_set') can be read here."
        )
    weights = read_safetensors(place.file)
    model = str(config.get("model_name") or "")
    layer = int(re.findall(r"\d+", place.file.stem)[-1])
    return Transcoder(
        weights.matrix("W_enc"),
        weights.vector("b_enc"),
        weights.matrix("W_dec"),
        weights.vector("b_dec"),
        _activation(place, config, weights),
        w_skip=weights.optional("W_skip", 2),
        site_in=_site(config.get("feature_input_hook"), layer, model),
        site_out=_site(config.get("feature_output_hook"), layer, model),
        origin=place.origin(NAME, model, {"layer": layer} | _said(config)),
    )


def _config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    return load_yaml(path).values if path.is_file() else {}


def _said(config: dict[str, Any]) -> dict[str, Any]:
    scan = {"scan": config["scan"]} if "scan" in config else {}
    return scan | sublayer_fact(str(config.get("feature_output_hook") or ""))


def _site(hook: Any, layer: int, model: str) -> Site | None:
    return None if hook is None else block_site(str(hook), layer, model)


def _activation(place: Place, config: dict[str, Any], weights: Weights) -> Nonlinearity:
    said = config.get("activation")
    if said == "topk" or (said is None and "k" in weights):
        k = whole(config.get("k", int(weights.number("k")) if "k" in weights else None))
        if k is None:
            raise DictionaryError(f"{place.folder / CONFIG} says activation: topk and no k.")
        return TopK(k)
    threshold = weights.optional(_THRESHOLD, 1)
    if said == "relu" or threshold is None:
        return ReLU()
    return JumpReLU(threshold)


def write(dictionary: Dictionary, folder: Path) -> None:
    """Put a transcoder's layer file into `folder`, and the set's configuration beside it.

    Layers are added one by one; DictionaryError for one that the set cannot express, or whose
    hooks or activation function are not the set's.
    """
    coder = transcoder(own_norm(dictionary, NAME), NAME)
    config = _described(coder)
    before = _config(folder)
    if before and {name: before.get(name) for name in config} != config:
        raise DictionaryError(
            f"{folder / CONFIG} describes another set ({_listed(before)}) than this dictionary "
            f"belongs to ({_listed(config)}); choose another folder."
        )
    assert coder.site_in is not None
    w_enc, b_enc = plain_encoder(coder)
    tensors = {"W_enc": w_enc, "W_dec": coder.w_dec, "b_enc": b_enc, "b_dec": coder.b_dec}
    write_atomic(
        folder / f"layer_{coder.site_in.layer}.safetensors",
        save(unshared(tensors | _more(coder))),
    )
    lines = [f"{name}: {json.dumps(value)}\n" for name, value in config.items()]
    write_atomic(folder / CONFIG, "".join(lines).encode())


def _more(coder: Transcoder) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    if isinstance(coder.activation, JumpReLU):
        threshold = coder.activation.threshold
        found[_THRESHOLD] = threshold.expand(coder.d_dict)
    return found if coder.w_skip is None else found | {"W_skip": coder.w_skip}


def _described(coder: Transcoder) -> dict[str, Any]:
    if not isinstance(coder.activation, ReLU | TopK | JumpReLU):
        raise DictionaryError(f"{NAME} knows no {coder.activation.name} transcoders.")
    sites = (coder.site_in, coder.site_out)
    hooks = [None if site is None else block_hook(site) for site in sites]
    if None in hooks or sites[0] is None or sites[1] is None or sites[0].layer != sites[1].layer:
        raise DictionaryError(
            f"A {NAME} set reads and writes two sites of one layer that TransformerLens has names "
            f"for; this dictionary has {sites[0]} and {sites[1]}."
        )
    config: dict[str, Any] = {
        "model_name": coder.origin.model,
        "model_kind": "transcoder_set",
        "feature_input_hook": hooks[0],
        "feature_output_hook": hooks[1],
    }
    if isinstance(coder.activation, TopK):
        config |= {"activation": "topk", "k": coder.activation.k}
    return config


def _listed(config: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in sorted(config.items()))
