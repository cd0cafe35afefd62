"""Write SAELens version 6, `cfg.json` and `sae_weights.safetensors`, for `SAE.load_from_disk`.

What SAELens has no field for moves into one it has (an input offset of one's own into the bias, a
unit norm into a constant one); what then remains is refused.
"""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats.expressed import input_shift, own_norm, transcoder
from microtome.dictionaries.formats.hooks import hook_name
from microtome.dictionaries.formats.ours import unshared
from microtome.dictionaries.formats.saelens import CONFIG, NAME, WEIGHTS
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, ReLU, TopK
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError
from microtome.files import write_atomic, write_json
from microtome.model.site import Site

VERSION = "6.0.0"
_NORMS = {"none": "none", "constant": "constant_norm_rescale", "layer": "layer_norm"}
_KINDS = {ReLU: "standard", TopK: "topk", JumpReLU: "jumprelu", Gated: "gated"}


def write(dictionary: Dictionary, folder: Path) -> None:
    """Put both files into `folder`; DictionaryError for what SAELens cannot express."""
    sae = own_norm(dictionary, NAME)
    if isinstance(sae, Transcoder):
        sae = transcoder(sae, NAME)
    config = _config(sae)
    write_atomic(folder / WEIGHTS, save(unshared(_tensors(sae, config["apply_b_dec_to_input"]))))
    write_json(folder / CONFIG, config)


def _config(sae: SAE) -> dict[str, Any]:
    config: dict[str, Any] = {
        "architecture": _architecture(sae),
        "d_in": sae.d_in,
        "d_sae": sae.d_dict,
        "dtype": str(_dtype(sae)).removeprefix("torch."),
        "device": "cpu",
        "apply_b_dec_to_input": _subtracts(sae),
        "normalize_activations": _NORMS[sae.norm.kind],
        "reshape_activations": "hook_z" if _is_z(sae.site_in) else "none",
        "metadata": _metadata(sae),
    }
    if isinstance(sae, Transcoder):
        config["d_out"] = sae.d_out
    if isinstance(sae.activation, TopK):
        config |= {"k": sae.activation.k, "rescale_acts_by_decoder_norm": False}
    return config


def _architecture(sae: SAE) -> str:
    kind = _KINDS.get(type(sae.activation))
    if not isinstance(sae, Transcoder):
        if kind is None:
            raise DictionaryError(f"{NAME} knows no {sae.architecture}; keep it in our format.")
        return kind
    if kind not in ("standard", "jumprelu"):
        raise DictionaryError(
            f"{NAME} has ReLU and JumpReLU transcoders, and this is a {sae.architecture}."
        )
    noun = "transcoder" if sae.w_skip is None else "skip_transcoder"
    return noun if kind == "standard" else f"jumprelu_{noun}"


def _metadata(sae: SAE) -> dict[str, Any]:
    found: dict[str, Any] = {"sae_lens_version": VERSION, "model_name": sae.origin.model}
    if sae.site_in is not None:
        found["hook_name"] = _hook(sae.site_in)
        found["hook_head_index"] = sae.site_in.head if sae.site_in.kind == "head_z" else None
    if isinstance(sae, Transcoder) and sae.site_out is not None:
        found["hook_name_out"] = _hook(sae.site_out)
    if sae.origin.stand_in:
        found["stand_in"] = sae.origin.stand_in
    return found


def _hook(site: Site) -> str:
    name = hook_name(site)
    if name is None:
        raise DictionaryError(f"{NAME} has no name for the site {site}; keep it in our format.")
    return name


def _is_z(site: Site | None) -> bool:
    return site is not None and site.kind == "attn_z"


def _subtracts(sae: SAE) -> bool:
    return sae.b_in is not None and not isinstance(sae, Transcoder) and _equal(sae)


def _equal(sae: SAE) -> bool:
    return sae.b_in is not None and torch.equal(sae.b_in, sae.b_dec)


def _tensors(sae: SAE, subtracts: bool) -> dict[str, Tensor]:
    shift = None if subtracts else input_shift(sae)
    found = {"W_enc": sae.w_enc.T, "W_dec": sae.w_dec, "b_dec": sae.b_dec}
    if isinstance(sae, Transcoder) and sae.w_skip is not None:
        found["W_skip"] = sae.w_skip
    act = sae.activation
    if isinstance(act, Gated):
        found["b_gate"] = _shifted(act.gate_bias, shift)
        found["r_mag"] = act.log_rescale
        found["b_mag"] = _shifted(
            sae.b_enc, None if shift is None else shift * act.log_rescale.float().exp()
        )
    else:
        found["b_enc"] = _shifted(sae.b_enc, shift)
    if isinstance(act, JumpReLU):
        found["threshold"] = act.threshold.expand(sae.d_dict)
    return {name: tensor.to(_dtype(sae)) for name, tensor in found.items()}


def _shifted(bias: Tensor, shift: Tensor | None) -> Tensor:
    return bias if shift is None else bias - shift


def _dtype(sae: SAE) -> torch.dtype:
    """One for all, as SAELens has it: float32 where ours differ or an offset moves into a bias."""
    kinds = {tensor.dtype for tensor in sae.tensors().values()}
    moved = sae.b_in is not None and not _subtracts(sae)
    return kinds.pop() if len(kinds) == 1 and not moved else torch.float32
