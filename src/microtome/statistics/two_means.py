"""The best split of points in two, found on their Gram matrix, for a whole batch at once.

2-means needs inner products only: with points centred, q the sum of the Gram matrix over one side
and a, b the numbers of points on the sides, the squares between the centres are q·(1/a + 1/b).
So the cost does not grow with the number of dimensions.
"""

import numpy as np
from numpy.typing import NDArray

from microtome.statistics.level import Floats

Sides = NDArray[np.bool_]
_AXES, _STEPS = 3, 50


def centred(gram: Floats) -> Floats:
    """Inner products "batch n n" of points about their mean, from those about any other point."""
    rows = gram.mean(-1, keepdims=True)
    found: Floats = gram - rows - rows.swapaxes(-1, -2) + rows.mean(-2, keepdims=True)
    return found


def two_means(gram: Floats) -> tuple[Sides, Floats]:
    """The side "batch n" of every point, and squares within sides / squares in all "batch".

    `gram` "batch n n" is centred. Lloyd's steps from splits along the three leading axes and
    along the farthest point; the best end counts. Equal points have index 1: nothing to split.
    """
    starts = _starts(gram)
    side, between = _lloyd(gram, starts)
    best = between.argmax(1)
    rows = np.arange(len(gram))
    total = np.trace(gram, axis1=1, axis2=2)
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(total > 0, 1 - between[rows, best] / total, 1.0)
    return side[rows, best], index


def _starts(gram: Floats) -> Sides:
    """Splits "batch start n" by the sign along axes of the points."""
    rows = np.arange(len(gram))
    axes = np.linalg.eigh(gram)[1][:, :, ::-1][:, :, :_AXES].swapaxes(1, 2)
    farthest = np.diagonal(gram, axis1=1, axis2=2).argmax(1)
    away = gram[rows, farthest][:, None]
    found: Sides = np.concatenate([axes, away], 1) > 0
    return found


def _lloyd(gram: Floats, side: Sides) -> tuple[Sides, Floats]:
    """Sides "batch start n" after Lloyd's steps, and the squares between their centres."""
    for _ in range(_STEPS):
        one, a, b, q = _sums(gram, side)
        # |x - c|² on either side, up to |x|²; the rows of a centred matrix sum to 0.
        nearer = -2 * one / a + q / a**2 < 2 * one / b + q / b**2
        full = nearer.any(-1, keepdims=True) & ~nearer.all(-1, keepdims=True)
        after = np.where(full, nearer, side)
        if (after == side).all():
            break
        side = after
    _, a, b, q = _sums(gram, side)
    between: Floats = (q * (1 / a + 1 / b))[..., 0]
    return side, between


def _sums(gram: Floats, side: Sides) -> tuple[Floats, Floats, Floats, Floats]:
    """Inner products with the sum of side one "batch start n", both sizes, and that sum squared."""
    member = side.astype(float)
    one = member @ gram
    a = member.sum(-1, keepdims=True)
    q = (member * one).sum(-1, keepdims=True)
    return one, np.maximum(a, 1), np.maximum(side.shape[-1] - a, 1), q
