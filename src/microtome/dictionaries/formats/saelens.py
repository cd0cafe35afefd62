"""SAELens (Bloom, Tigges, Duong, Chanin), versions 2 to 6: `cfg.json`, `sae_weights.safetensors`.

Read as SAELens itself reads them: b_dec is subtracted from the input unless the file says not to;
`rescale_acts_by_decoder_norm` ranks by f · ‖W_dec row‖; batch top-k checkpoints use their learnt
threshold. A scale of the inputs is folded into the weights when its file lies beside.
"""

from typing import Any

import torch
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fold import scaled_input
from microtome.dictionaries.formats.hooks import hook_site, module_site, sublayer_fact
from microtome.dictionaries.formats.place import Place
from microtome.dictionaries.formats.saelens_config import Config, configuration
from microtome.dictionaries.formats.weights import Weights, read_safetensors
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, Nonlinearity, ReLU, TopK
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError
from microtome.model.site import Site

NAME, CONFIG, WEIGHTS = "SAELens", "cfg.json", "sae_weights.safetensors"
SCALER = "activation_scaler.json"
_NORMS = {"constant_norm_rescale": "constant", "layer_norm": "layer"}


def read(place: Place) -> Dictionary:
    """The dictionary in a folder that SAELens wrote."""
    config = configuration(place, CONFIG)
    weights = read_safetensors(place.file)
    w_enc, w_dec = weights.matrix("W_enc").T, _decoder(weights)
    b_enc = weights.vector("b_mag" if config.architecture == "gated" else "b_enc")
    if config.rescaled:
        w_dec = w_dec.float()  # half precision would round every weight once more
        norm = w_dec.norm(dim=1)
        w_enc, b_enc = w_enc.float() * norm[:, None], b_enc.float() * norm
        w_dec = w_dec / torch.where(norm > 0, norm, torch.ones_like(norm))[:, None]
    b_dec = weights.vector("b_dec")
    site_in, site_out = _sites(config)
    more: dict[str, Any] = {}
    if config.transcoder:
        more["w_skip"] = weights.matrix("W_skip") if "skip" in config.architecture else None
    sae = (Transcoder if config.transcoder else SAE)(
        w_enc,
        b_enc,
        w_dec,
        b_dec,
        _activation(config, weights),
        b_in=b_dec if config.subtracts_b_dec else None,
        norm=InputNorm(_NORMS.get(config.normalize, "none")),  # type: ignore[arg-type]
        site_in=site_in,
        site_out=site_out,
        origin=place.origin(NAME, config.model, {**config.facts, **_written_at(config)}),
        **more,
    )
    return _scaled(sae, place, config)


def _decoder(weights: Weights) -> Tensor:
    """W_dec, with the factors that were trained after it multiplied in (before version 6)."""
    w_dec = weights.matrix("W_dec")
    for name in ("finetuning_scaling_factor", "scaling_factor"):
        if name in weights:
            w_dec = w_dec.float() * weights.vector(name).float()[:, None]
    return w_dec


def _activation(config: Config, weights: Weights) -> Nonlinearity:
    if config.architecture == "topk":
        return TopK(config.k)
    if config.architecture == "gated":
        return Gated(weights.vector("b_gate"), weights.vector("r_mag"))
    if "batchtopk" in config.architecture:
        return JumpReLU(torch.tensor(weights.number("topk_threshold")))
    if "jumprelu" in config.architecture:
        if "log_threshold" in weights:
            return JumpReLU(weights.vector("log_threshold").float().exp())
        return JumpReLU(weights.vector("threshold"))
    return ReLU()


def _sites(config: Config) -> tuple[Site | None, Site | None]:
    found = hook_site(config.hook, config.model, config.head) if config.hook else None
    found = found or (module_site(config.hf_hook) if config.hf_hook else None)
    if not config.transcoder:
        return found, found
    out = hook_site(config.hook_out, config.model) if config.hook_out else None
    return found, out


def _written_at(config: Config) -> dict[str, str]:
    named = config.hook_out if config.transcoder else config.hook or config.hf_hook
    return sublayer_fact(named)


def _scaled(sae: SAE, place: Place, config: Config) -> SAE:
    """With `expected_average_only_in` folded, when the file says by how much."""
    if config.normalize != "expected_average_only_in":
        return sae
    factor = place.config(SCALER, needed=False).get("scaling_factor")
    if factor is None:
        return sae  # as SAELens: inspect says so
    if not isinstance(factor, int | float) or not factor > 0:
        raise DictionaryError(f"{place.folder / SCALER} holds no positive scaling_factor.")
    return scaled_input(sae, float(factor))
