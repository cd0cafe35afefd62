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
    "Circuit": "microtome.methods.patching",
    "CircuitDiscovery": "microtome.methods.patching",
    "Clamp": "microtome.dictionaries.clamp",
    "Dictionary": "microtome.dictionaries.dictionary",
    "Direction": "microtome.model.direction",
    "Estimate": "microtome.methods.patching",
    "Lens": "microtome.methods.lens",
    "MicrotomeError": "microtome.errors",
    "Model": "microtome.model.model",
    "Node": "microtome.methods.patching",
    "Patching": "microtome.methods.patching",
    "Project": "microtome.model.edit",
    "Replace": "microtome.model.edit",
    "Run": "microtome.model.run",
    "SAE": "microtome.dictionaries.sae",
    "Samples": "microtome.model.sampling",
    "Site": "microtome.model.site",
    "Transcoder": "microtome.dictionaries.transcoder",
    "Verification": "microtome.methods.patching",
    "align": "microtome.methods.patching",
    "assess_circuit": "microtome.methods.patching",
    "attn_out": "microtome.model.site",
    "attn_pattern": "microtome.model.site",
    "attn_z": "microtome.model.site",
    "attribute": "microtome.methods.attribution",
    "attribution_patching": "microtome.methods.patching",
    "check": "microtome.model.check",
    "examine": "microtome.methods.examine",
    "faithfulness_curve": "microtome.methods.patching",
    "feature_page": "microtome.dictionaries.features",
    "feature_pages": "microtome.dictionaries.features",
    "find_circuit": "microtome.methods.patching",
    "greedy_flip": "microtome.methods.patching",
    "head_out": "microtome.model.site",
    "head_z": "microtome.model.site",
    "integrated_gradients": "microtome.methods.patching",
    "k": "microtome.model.site",
    "knock_out": "microtome.methods.patching",
    "load": "microtome.model.load",
    "load_dictionary": "microtome.dictionaries.load",
    "logit_lens": "microtome.methods.lens",
    "mlp_act": "microtome.model.site",
    "mlp_in": "microtome.model.site",
    "mlp_normed": "microtome.model.site",
    "mlp_out": "microtome.model.site",
    "parse_site": "microtome.model.site",
    "patch": "microtome.methods.patching",
    "patch_neurons": "microtome.methods.patching",
    "patch_nodes": "microtome.methods.patching",
    "patch_positions": "microtome.methods.patching",
    "patch_windows": "microtome.methods.patching",
    "q": "microtome.model.site",
    "resid_mid": "microtome.model.site",
    "resid_post": "microtome.model.site",
    "resid_pre": "microtome.model.site",
    "sample": "microtome.model.sampling",
    "save_dictionary": "microtome.dictionaries.load",
    "score": "microtome.dictionaries.scores",
    "screen": "microtome.methods.patching",
    "significance": "microtome.methods.nulls",
    "source_tokens": "microtome.methods.patching",
    "swap_weights": "microtome.methods.patching",
    "train": "microtome.dictionaries.training",
    "v": "microtome.model.site",
    "verify": "microtome.methods.patching",
}

__all__ = sorted(["__version__", *_HOME])  # pinned by a test

if TYPE_CHECKING:
    from microtome.audit import Audit as Audit
    from microtome.dictionaries.clamp import Clamp as Clamp
    from microtome.dictionaries.dictionary import Dictionary as Dictionary
    from microtome.dictionaries.features import feature_page as feature_page
    from microtome.dictionaries.features import feature_pages as feature_pages
    from microtome.dictionaries.load import load_dictionary as load_dictionary
    from microtome.dictionaries.load import save_dictionary as save_dictionary
    from microtome.dictionaries.sae import SAE as SAE
    from microtome.dictionaries.scores import score as score
    from microtome.dictionaries.training import train as train
    from microtome.dictionaries.transcoder import Transcoder as Transcoder
    from microtome.errors import MicrotomeError as MicrotomeError
    from microtome.methods.attribution import Attribution as Attribution
    from microtome.methods.attribution import attribute as attribute
    from microtome.methods.examine import examine as examine
    from microtome.methods.lens import Lens as Lens
    from microtome.methods.lens import logit_lens as logit_lens
    from microtome.methods.nulls import significance as significance
    from microtome.methods.patching import Circuit as Circuit
    from microtome.methods.patching import CircuitDiscovery as CircuitDiscovery
    from microtome.methods.patching import Estimate as Estimate
    from microtome.methods.patching import Node as Node
    from microtome.methods.patching import Patching as Patching
    from microtome.methods.patching import Verification as Verification
    from microtome.methods.patching import align as align
    from microtome.methods.patching import assess_circuit as assess_circuit
    from microtome.methods.patching import attribution_patching as attribution_patching
    from microtome.methods.patching import faithfulness_curve as faithfulness_curve
    from microtome.methods.patching import find_circuit as find_circuit
    from microtome.methods.patching import greedy_flip as greedy_flip
    from microtome.methods.patching import integrated_gradients as integrated_gradients
    from microtome.methods.patching import knock_out as knock_out
    from microtome.methods.patching import patch as patch
    from microtome.methods.patching import patch_neurons as patch_neurons
    from microtome.methods.patching import patch_nodes as patch_nodes
    from microtome.methods.patching import patch_positions as patch_positions
    from microtome.methods.patching import patch_windows as patch_windows
    from microtome.methods.patching import screen as screen
    from microtome.methods.patching import source_tokens as source_tokens
    from microtome.methods.patching import swap_weights as swap_weights
    from microtome.methods.patching import verify as verify
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
    from microtome.model.sampling import Samples as Samples
    from microtome.model.sampling import sample as sample
    from microtome.model.site import Site as Site
    from microtome.model.site import attn_out as attn_out
    from microtome.model.site import attn_pattern as attn_pattern
    from microtome.model.site import attn_z as attn_z
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
