"""Activation patching: put one run's activations into another and see what changes."""

from microtome.methods.patching.estimates import Estimate, attribution_patching
from microtome.methods.patching.exact import Patching, patch, patch_nodes
from microtome.methods.patching.integrated import integrated_gradients
from microtome.methods.patching.rows import Node
from microtome.methods.patching.verify import Screen, Verification, screen, verify

__all__ = [
    "Estimate",
    "Node",
    "Patching",
    "Screen",
    "Verification",
    "attribution_patching",
    "integrated_gradients",
    "patch",
    "patch_nodes",
    "screen",
    "verify",
]
