"""Activation patching: put one run's activations into another and see what changes."""

from microtome.methods.patching.exact import Patching, patch

__all__ = ["Patching", "patch"]
