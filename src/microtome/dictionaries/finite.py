"""Is a number missing? Asked of activations before they are learnt from."""

import torch
from jaxtyping import Float
from torch import Tensor


def not_finite(values: Float[Tensor, "tokens d"]) -> tuple[int, str] | None:
    """(row, "nan" or "infinite") of the first row that is not finite; None where all are.

    Sums in fp32 find the rows, so that nothing as large as the activations is allocated.
    """
    suspects = torch.nonzero(~torch.isfinite(values.sum(-1, dtype=torch.float32))).flatten()
    for row in suspects.tolist():
        held = values[row]
        if bool(held.isnan().any()):
            return row, "nan"
        if bool(held.isinf().any()):
            return row, "infinite"
    return None
