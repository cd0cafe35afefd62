"""GemmaScope (Lieberum et al. 2024): `layer_12/width_16k/average_l0_82/params.npz`.

    f = relu(pre) · [pre > threshold],   pre = x W_enc + b_enc,   x̂ = f W_dec + b_dec

There is no configuration: model, layer, width and site are in the names of repository and folders.
res = resid_post; mlp = the MLP's output after its post-norm; att = the output projection's input;
a transcoder reads the MLP's normed input without the norm's gain and writes mlp_out.
"""

import re
from typing import Any

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fold import scaled_input
from microtome.dictionaries.formats.place import Place
from microtome.dictionaries.formats.variant import variant_of
from microtome.dictionaries.formats.weights import read_npz
from microtome.dictionaries.nonlinearity import JumpReLU
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.model.site import Site, SiteKind

NAME = "GemmaScope"
_REPOSITORY = re.compile(r"gemma-scope-(\d+b)-(pt|it)-(res|mlp|att|transcoders)")
_SITES = {
    "res": ("resid_post", "resid_post"),
    "mlp": ("mlp_out", "mlp_out"),
    "att": ("attn_z", "attn_z"),
    "transcoders": ("mlp_normed", "mlp_out"),
}


def read(place: Place) -> Dictionary:
    """The dictionary in a `params.npz`."""
    weights = read_npz(place.file)
    model, kind = _repository(place.trail)
    layer = _number(r"layer_(\d+)", place.trail)
    embedding = layer is None and "/embedding/" in place.trail
    site_in, site_out = _sites(kind, layer, embedding)
    sae = (Transcoder if kind == "transcoders" else SAE)(
        weights.matrix("W_enc", "w_enc").T,
        weights.vector("b_enc"),
        weights.matrix("W_dec", "w_dec"),
        weights.vector("b_dec"),
        JumpReLU(weights.vector("threshold")),
        site_in=site_in,
        site_out=site_out,
        origin=place.origin(NAME, model, _facts(place.trail)),
    )
    # Trained on the embedding's rows; what enters the model is √d times those.
    return scaled_input(sae, sae.d_in**-0.5) if embedding else sae


def _repository(trail: str) -> tuple[str, str]:
    """The model and what kind of site, as the repository's name tells; empty where it does not."""
    found = _REPOSITORY.findall(trail)
    if not found:
        return "", ""
    size, tuning, kind = found[-1]
    return f"google/gemma-2-{size}{'-it' if tuning == 'it' else ''}", kind


def _sites(kind: str, layer: int | None, embedding: bool) -> tuple[Site | None, Site | None]:
    if embedding and kind == "res":
        return SiteKind("resid_pre")[0], SiteKind("resid_pre")[0]
    if kind not in _SITES or layer is None:
        return None, None
    read_at, written_at = _SITES[kind]
    return SiteKind(read_at)[layer], SiteKind(written_at)[layer]


def _facts(trail: str) -> dict[str, Any]:
    variant = variant_of(trail)
    facts = {
        "layer": _number(r"layer_(\d+)", trail),
        "width": variant.width if variant else None,
        "average_l0": _number(r"average_l0_(\d+)", trail),
    }
    return {name: value for name, value in facts.items() if value is not None}


def _number(pattern: str, text: str) -> int | None:
    found = re.findall(pattern, text)
    return int(found[-1]) if found else None
