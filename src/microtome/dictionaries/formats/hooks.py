"""What other libraries call a site, and what we do.

A name that means different activations in different models (TransformerLens's `hook_mlp_in` is
before the norm, others' after it) stays unknown: the dictionary then asks for its site.
"""

import re

from microtome.model.site import Site, SiteKind

# TransformerLens's names after "blocks.N.", the first of each kind being the one we write.
_BLOCK = {
    "hook_resid_pre": "resid_pre",
    "hook_resid_mid": "resid_mid",
    "hook_resid_post": "resid_post",
    "hook_attn_out": "attn_out",
    "hook_mlp_out": "mlp_out",
    "mlp.hook_out": "mlp_out",
    "mlp.hook_in": "mlp_in",
    "mlp.hook_post": "mlp_act",
    "attn.hook_z": "attn_z",
    "ln2.hook_normalized": "mlp_normed",
}
# A LayerNorm's hook_normalized comes after gain and bias, an RMSNorm's before its gain.
_LAYER_NORMED = re.compile(r"gpt-?2|pythia|gpt-?neo|gpt-?j|opt-|tiny-?stories", re.IGNORECASE)

# Paths of Hugging Face modules after "layers.N"; the block itself writes resid_post.
_MODULE = {
    "": "resid_post",
    "output": "resid_post",
    "input": "resid_pre",
    "mlp": "mlp_out",
    "mlp.output": "mlp_out",
    "mlp.input": "mlp_in",
    "attn": "attn_out",
    "attention": "attn_out",
    "self_attn": "attn_out",
    "self_attn.o_proj.input": "attn_z",
    "attention.dense.input": "attn_z",
    "attn.c_proj.input": "attn_z",
    "pre_feedforward_layernorm.output": "mlp_in",
    "post_feedforward_layernorm.output": "mlp_out",
}


def block_site(hook: str, layer: int, model: str = "") -> Site | None:
    """The site of a TransformerLens hook in a block, or None where the name does not say it."""
    kind = _BLOCK.get(hook)
    if hook == "ln2.hook_normalized" and _LAYER_NORMED.search(model):
        kind = "mlp_in"
    return None if kind is None else SiteKind(kind)[layer]


def hook_site(name: str, model: str = "", head: int | None = None) -> Site | None:
    """The site of `blocks.12.hook_resid_post`; with a head, of that head's part of hook_z."""
    if name == "hook_embed":
        return SiteKind("resid_pre")[0]
    found = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
    if found is None:
        return module_site(name)
    if head is not None:
        return SiteKind("head_z")[int(found[1]), head] if found[2] == "attn.hook_z" else None
    return block_site(found[2], int(found[1]), model)


def module_site(path: str) -> Site | None:
    """The site of a Hugging Face module, `model.layers.12.mlp` or `...o_proj.input`."""
    found = re.fullmatch(r"(?:.*\.)?(?:layers|layer|blocks|block|h)[._](\d+)(?:\.(.*))?", path)
    kind = _MODULE.get(found[2] or "") if found else None
    return SiteKind(kind)[int(found[1])] if found and kind else None


def sublayer_fact(name: str) -> dict[str, str]:
    """{"hookpoint": name} for the output of the module `mlp` or `self_attn` itself, else {}.

    That is before a post-norm, where a model has one, and `mlp_out` and `attn_out` are after it.
    """
    own = r"(?:.*[._]\d+\.)?(?:mlp|attn|attention|self_attn)(?:\.output|\.hook_out)?"
    return {"hookpoint": name} if re.fullmatch(own, name) else {}


def hook_name(site: Site) -> str | None:
    """What TransformerLens calls a site; None where it has no name for it."""
    if site.kind == "head_z":
        return f"blocks.{site.layer}.attn.hook_z"
    name = block_hook(site)
    return None if name is None else f"blocks.{site.layer}.{name}"


def block_hook(site: Site) -> str | None:
    """The same without the block: `hook_mlp_out`."""
    return next((name for name, kind in _BLOCK.items() if kind == site.kind), None)
