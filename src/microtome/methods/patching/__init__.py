"""Activation patching: put one run's activations into another and see what changes."""

from microtome.methods.patching.circuits import Circuit, assess_circuit
from microtome.methods.patching.curve import Curve, faithfulness_curve
from microtome.methods.patching.estimates import Estimate, attribution_patching
from microtome.methods.patching.exact import Patching, patch, patch_nodes
from microtome.methods.patching.greedy import CircuitDiscovery, greedy_flip
from microtome.methods.patching.integrated import integrated_gradients
from microtome.methods.patching.knockout import Knockout, knock_out
from microtome.methods.patching.neurons import Neurons, patch_neurons
from microtome.methods.patching.rows import Node
from microtome.methods.patching.screening import Screen, screen
from microtome.methods.patching.search import find_circuit
from microtome.methods.patching.sources import Sources, source_tokens
from microtome.methods.patching.spans import Aligned, align
from microtome.methods.patching.verify import Verification, verify
from microtome.methods.patching.weightswap import swap_weights
from microtome.methods.patching.windows import PositionMap, patch_positions, patch_windows

__all__ = [
    "Aligned",
    "Circuit",
    "CircuitDiscovery",
    "Curve",
    "Estimate",
    "Knockout",
    "Neurons",
    "Node",
    "Patching",
    "PositionMap",
    "Screen",
    "Sources",
    "Verification",
    "align",
    "assess_circuit",
    "attribution_patching",
    "faithfulness_curve",
    "find_circuit",
    "greedy_flip",
    "integrated_gradients",
    "knock_out",
    "patch",
    "patch_neurons",
    "patch_nodes",
    "patch_positions",
    "patch_windows",
    "screen",
    "source_tokens",
    "swap_weights",
    "verify",
]
