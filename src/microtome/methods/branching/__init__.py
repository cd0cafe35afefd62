"""Branching: force another token on a greedy solution, see how far it leads and what decided."""

from microtome.methods.branching.baseline import Baseline, branch_points, greedy
from microtome.methods.branching.choices import Choice, choices, top_two
from microtome.methods.branching.decision import Ablation, Decision, ablate, decide, seed
from microtome.methods.branching.forks import NO_NOISE, Fork, fork
from microtome.methods.branching.rejoin import Rejoin, rejoin

__all__ = [
    "NO_NOISE", "Ablation", "Baseline", "Choice", "Decision", "Fork", "Rejoin", "ablate",
    "branch_points", "choices", "decide", "fork", "greedy", "rejoin", "seed", "top_two",
]  # fmt: skip
