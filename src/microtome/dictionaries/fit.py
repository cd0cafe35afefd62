"""Does a dictionary belong to a model? Asked wherever the two meet."""

from dataclasses import replace

from microtome.dictionaries.dictionary import Dictionary
from microtome.errors import DictionaryError
from microtome.model.model import Model
from microtome.model.site import Site, resid_post


def check_fits(dictionary: Dictionary, model: Model) -> None:
    """DictionaryError when its width or layer is not the model's; names both sides."""
    name = dictionary.origin.source or "This dictionary"
    ends = (
        (dictionary.site_in, dictionary.d_in, "reads"),
        (dictionary.site_out, dictionary.d_out, "writes"),
    )
    for site, width, does in ends:
        wanted = model.parts.d_model if site is None else site_width(model, site)
        if site is not None:
            _demand_layer(name, site, model)
        if width != wanted:
            where = "" if site is None else f" at {site}"
            raise DictionaryError(
                f"{name} {does} vectors of width {width}{where} and {model.name} has {wanted} "
                f"there; it was made for another model or site{_said(dictionary)}."
            )
    _demand_no_post_norm(name, dictionary, model)


def at_block_end(dictionary: Dictionary) -> Dictionary:
    """The dictionary at resid_post[l] where it is one of resid_pre[l + 1], which is the same."""
    site = dictionary.site_in
    if site is None or site != dictionary.site_out or site.kind != "resid_pre":
        return dictionary
    if not isinstance(site.index[0], int) or site.layer < 1:
        return dictionary
    same = resid_post[site.layer - 1]
    return replace(dictionary, site_in=same, site_out=same)


def site_width(model: Model, site: Site) -> int:
    """The width of an activation at a site of a model."""
    parts = model.parts
    if site.kind in ("head_z", "q", "k", "v"):
        return parts.d_head
    if site.kind == "attn_z":
        return parts.d_head * parts.sizes["head"]
    if site.kind == "mlp_act":
        config = parts.config
        named = ("intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size")
        width = next((v for n in named if (v := getattr(config, n, None))), 4 * parts.d_model)
        return int(width)
    return parts.d_model


def _demand_layer(name: str, site: Site, model: Model) -> None:
    layers = model.n_layers
    if not isinstance(site.index[0], int) or not -layers <= site.layer < layers:
        raise DictionaryError(
            f"{name} belongs to {site} and {model.name} has layers 0 to {layers - 1}; it was made "
            f"for another model."
        )


def _demand_no_post_norm(name: str, dictionary: Dictionary, model: Model) -> None:
    """A sparsify dictionary of a sublayer's module is before a norm that ours is after."""
    site = dictionary.site_out
    sublayer = {"mlp_out": "mlp", "attn_out": "attn"}.get("" if site is None else site.kind)
    if site is None or sublayer is None or "hookpoint" not in dictionary.origin.facts:
        return
    if model.parts.post_norm(site.layer, sublayer) is not None:
        raise DictionaryError(
            f"{name} writes the output of the module {dictionary.origin.facts['hookpoint']}, which "
            f"{model.name} normalises before adding it; no site of this model is that one."
        )


def _said(dictionary: Dictionary) -> str:
    return f" (its files say {dictionary.origin.model})" if dictionary.origin.model else ""
