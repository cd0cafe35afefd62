"""sparsify (EleutherAI): `<hookpoint>/cfg.json` beside `sae.safetensors`.

    f = top-k of relu(W_enc (x − b_dec) + b_enc);    a transcoder does not subtract b_dec

The hookpoint, a module's path, is the folder's name; an autoencoder reads the module's output, a
transcoder its input. The output of `layers.3.mlp` is before a post-norm where a model has one.
"""

from typing import Any

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.formats.hooks import module_site
from microtome.dictionaries.formats.place import Place, whole
from microtome.dictionaries.formats.weights import read_safetensors
from microtome.dictionaries.nonlinearity import TopK
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError
from microtome.files import read_json_or_none
from microtome.model.site import Site, SiteKind

NAME, CONFIG, WEIGHTS = "sparsify", "cfg.json", "sae.safetensors"
_INPUT_OF = {"mlp_out": "mlp_in", "resid_post": "resid_pre"}


def read(place: Place) -> Dictionary:
    """The dictionary in a hookpoint's folder."""
    config = place.config(CONFIG)
    k = _k(place, config)
    weights = read_safetensors(place.file)
    transcode = bool(config.get("transcode", False))
    b_dec = weights.vector("b_dec")
    site_in, site_out = _sites(place.folder.name, transcode)
    more: dict[str, Any] = {"w_skip": weights.optional("W_skip", 2)} if transcode else {}
    if not transcode and "W_skip" in weights:
        raise DictionaryError(f"{place.file} has a W_skip and {CONFIG} says it is no transcoder.")
    return (Transcoder if transcode else SAE)(
        weights.matrix("encoder.weight"),
        weights.vector("encoder.bias"),
        weights.matrix("W_dec"),
        b_dec,
        TopK(k),
        b_in=None if transcode else b_dec,
        site_in=site_in,
        site_out=site_out,
        origin=place.origin(NAME, _model(place), {"hookpoint": place.folder.name, "k": k}),
        **more,
    )


def _k(place: Place, config: dict[str, Any]) -> int:
    activation = config.get("activation", "topk")
    if activation != "topk" or config.get("signed"):
        named = "signed top-k" if config.get("signed") else activation
        raise DictionaryError(
            f"{place.folder / CONFIG} names the activation {named!r}; 'topk' can be read here."
        )
    k = whole(config.get("k"))
    if k is None:
        raise DictionaryError(f"{place.folder / CONFIG} does not say k.")
    return k


def _sites(hookpoint: str, transcode: bool) -> tuple[Site | None, Site | None]:
    site = module_site(hookpoint)
    if site is None or not transcode:
        return site, site
    read_at = _INPUT_OF.get(site.kind)
    return (SiteKind(read_at)[site.layer] if read_at else None), site


def _model(place: Place) -> str:
    """The training configuration lies above the hookpoints, where it was uploaded too."""
    above = read_json_or_none(place.folder.parent / "config.json")
    return str(above.get("model") or "") if isinstance(above, dict) else ""
