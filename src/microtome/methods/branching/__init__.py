"""Branching: force another token on a greedy solution and see how far it leads."""

from microtome.methods.branching.choices import Choice, choices, top_two
from microtome.methods.branching.forks import Baseline, Fork, branch_points, fork, greedy
from microtome.methods.branching.rejoin import Rejoin, rejoin

__all__ = [
    "Baseline", "Choice", "Fork", "Rejoin", "branch_points", "choices", "fork", "greedy",
    "rejoin", "top_two",
]  # fmt: skip
