"""GemmaScope 2: `params.safetensors` with lower-case keys, and mostly a `config.json`.

JumpReLU as before; a transcoder's input includes the norm's gain, and it may have an
`affine_skip_connection`, stored "d_in d_out". `hf_hook_point_in` and `_out` are module paths;
without a configuration the folders tell the site (`resid_post/layer_12_width_16k_l0_small`).
"""

import re
from typing import Any

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats.hooks import module_site
from microtome.dictionaries.formats.place import Place
from microtome.dictionaries.formats.variant import variant_of
from microtome.dictionaries.formats.weights import read_safetensors
from microtome.dictionaries.nonlinearity import JumpReLU
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError
from microtome.model.site import Site, SiteKind

NAME, CONFIG = "GemmaScope 2", "config.json"
_FOLDERS = {
    "resid_post": ("resid_post", "resid_post"),
    "attn_out": ("attn_z", "attn_z"),
    "mlp_out": ("mlp_out", "mlp_out"),
    "transcoder": ("mlp_in", "mlp_out"),
}


def read(place: Place) -> Dictionary:
    """The dictionary in a `params.safetensors`."""
    config = place.config(CONFIG, needed=False)
    kind = config.get("architecture", "jump_relu")
    if kind != "jump_relu":
        raise DictionaryError(
            f"{place.folder / CONFIG} names the architecture {kind!r}; GemmaScope 2 files of "
            f"architecture 'jump_relu' can be read."
        )
    weights = read_safetensors(place.file)
    site_in, site_out = _sites(config, place.trail)
    skip = weights.optional("affine_skip_connection", 2)
    transcoder = skip is not None or site_in != site_out
    more: dict[str, Any] = {} if skip is None else {"w_skip": skip.T}
    return (Transcoder if transcoder else SAE)(
        weights.matrix("w_enc").T,
        weights.vector("b_enc"),
        weights.matrix("w_dec"),
        weights.vector("b_dec"),
        JumpReLU(weights.vector("threshold")),
        site_in=site_in,
        site_out=site_out,
        origin=place.origin(NAME, _model(config, place.trail), _facts(config, place.trail)),
        **more,
    )


def _sites(config: dict[str, Any], trail: str) -> tuple[Site | None, Site | None]:
    read_at = config.get("hf_hook_point_in")
    if read_at:
        written_at = config.get("hf_hook_point_out") or read_at
        return module_site(str(read_at)), module_site(str(written_at))
    layer = re.findall(r"layer_(\d+)", trail)
    named = max(_FOLDERS, key=lambda name: trail.rfind(f"/{name}"))
    if not layer or f"/{named}" not in trail:
        return None, None
    kinds = _FOLDERS[named]
    return SiteKind(kinds[0])[int(layer[-1])], SiteKind(kinds[1])[int(layer[-1])]


def _model(config: dict[str, Any], trail: str) -> str:
    named = str(config.get("model_name") or "")
    if not named:
        found = re.search(r"gemma-scope-2-(\w+-(?:pt|it))", trail)
        named = f"gemma-3-{found[1]}" if found else ""
    # Their files call gemma-3-1b-pt gemma-v3-1b-pt, and gemma-3-270m gemma-v3-270m-pt.
    named = re.sub(r"gemma-v(\d)", r"gemma-\1", named).replace("-270m-pt", "-270m")
    return f"google/{named}" if named and "/" not in named else named


def _facts(config: dict[str, Any], trail: str) -> dict[str, Any]:
    names = {"l0": "average_l0", "width": "width", "type": "type"}
    variant = variant_of(trail)
    named = {} if variant is None else {"width": variant.width, "level": variant.level}
    told = {ours: config[theirs] for theirs, ours in names.items() if theirs in config}
    return {name: value for name, value in named.items() if value} | told
