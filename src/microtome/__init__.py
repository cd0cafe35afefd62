"""microtome: cut a language model into thin slices and look at them.

The public names are loaded when first used, so that `import microtome` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Ablate": "microtome.model.edit",
    "Add": "microtome.model.edit",
    "Anatomy": "microtome.model.anatomy",
    "Answers": "microtome.model.answers",
    "Attribution": "microtome.methods.attribution",
    "Audit": "microtome.audit",
    "Direction": "microtome.model.direction",
    "Lens": "microtome.methods.lens",
    "MicrotomeError": "microtome.errors",
    "Model": "microtome.model.model",
    "Patching": "microtome.methods.patching",
    "Project": "microtome.model.edit",
    "Replace": "microtome.model.edit",
    "Run": "microtome.model.run",
    "Site": "microtome.model.site",
    "attn_out": "microtome.model.site",
    "attn_pattern": "microtome.model.site",
    "attribute": "microtome.methods.attribution",
    "check": "microtome.model.check",
    "head_out": "microtome.model.site",
    "head_z": "microtome.model.site",
    "k": "microtome.model.site",
    "load": "microtome.model.load",
    "logit_lens": "microtome.methods.lens",
    "mlp_act": "microtome.model.site",
    "mlp_in": "microtome.model.site",
    "mlp_normed": "microtome.model.site",
    "mlp_out": "microtome.model.site",
    "parse_site": "microtome.model.site",
    "patch": "microtome.methods.patching",
    "q": "microtome.model.site",
    "resid_mid": "microtome.model.site",
    "resid_post": "microtome.model.site",
    "resid_pre": "microtome.model.site",
    "v": "microtome.model.site",
}

__all__ = sorted(["__version__", *_HOME])  # pinned by a test

if TYPE_CHECKING:
    from microtome.audit import Audit as Audit
    from microtome.errors import MicrotomeError as MicrotomeError
    from microtome.methods.attribution import Attribution as Attribution
    from microtome.methods.attribution import attribute as attribute
    from microtome.methods.lens import Lens as Lens
    from microtome.methods.lens import logit_lens as logit_lens
    from microtome.methods.patching import Patching as Patching
    from microtome.methods.patching import patch as patch
    from microtome.model.anatomy import Anatomy as Anatomy
    from microtome.model.answers import Answers as Answers
    from microtome.model.check import check as check
    from microtome.model.direction import Direction as Direction
    from microtome.model.edit import Ablate as Ablate
    from microtome.model.edit import Add as Add
    from microtome.model.edit import Project as Project
    from microtome.model.edit import Replace as Replace
    from microtome.model.load import load as load
    from microtome.model.model import Model as Model
    from microtome.model.run import Run as Run
    from microtome.model.site import Site as Site
    from microtome.model.site import attn_out as attn_out
    from microtome.model.site import attn_pattern as attn_pattern
    from microtome.model.site import head_out as head_out
    from microtome.model.site import head_z as head_z
    from microtome.model.site import k as k
    from microtome.model.site import mlp_act as mlp_act
    from microtome.model.site import mlp_in as mlp_in
    from microtome.model.site import mlp_normed as mlp_normed
    from microtome.model.site import mlp_out as mlp_out
    from microtome.model.site import parse_site as parse_site
    from microtome.model.site import q as q
    from microtome.model.site import resid_mid as resid_mid
    from microtome.model.site import resid_post as resid_post
    from microtome.model.site import resid_pre as resid_pre
    from microtome.model.site import v as v


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'microtome' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
