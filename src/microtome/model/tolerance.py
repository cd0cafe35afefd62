"""One rule for how far two computations of the same number may lie apart, by number format.

    float32 1e-5    float16 5e-3    bfloat16 3e-2        relative to the largest of what is compared

Machine epsilon is 1.2e-7, 9.8e-4 and 7.8e-3; a pass of some dozen layers adds up some ten of its
roundings. Every audit of a computation takes its bound from here, and so does `microtome check`.
"""

import math

import torch
from torch import Tensor

TOLERANCE = {torch.float32: 1e-5, torch.float16: 5e-3, torch.bfloat16: 3e-2}


def tolerance(dtype: torch.dtype, *, least: float = 0.0) -> float:
    """The bound for results in a number format; `least` for sums that round more than a pass."""
    return max(TOLERANCE.get(dtype, TOLERANCE[torch.float32]), least)


def gap(found: Tensor, expected: Tensor) -> float:
    """The largest difference, relative to the largest magnitude that was expected.

    Infinite between tensors of different shapes.
    """
    if found.shape != expected.shape:
        return math.inf
    found, expected = found.float(), expected.float()
    if found.numel() == 0:
        return 0.0
    return float((found - expected).abs().max() / expected.abs().max().clamp(min=1e-30))
