"""Scalings put into the weights, so that a dictionary reads activations as the model has them.

x' = s x:        W_enc ← s W_enc,  b_in ← b_in / s,  and the output's W_dec, b_dec divided by s
"""

from dataclasses import replace
from typing import Any

from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder


def scaled_input(sae: SAE, factor: float, out: float | None = None) -> SAE:
    """The dictionary of x, given the one of `factor` · x (and of `out` · y; the same by default).

    Features keep their values; reconstructions come in the units of x (or y). What is scaled is
    fp32 afterwards: half precision would round it once more.
    """
    out = factor if out is None else out
    changed: dict[str, Any] = {
        "w_enc": sae.w_enc.float() * factor,
        "w_dec": sae.w_dec.float() / out,
        "b_dec": sae.b_dec.float() / out,
    }
    if sae.b_in is not None:
        changed["b_in"] = sae.b_in.float() / factor
    if isinstance(sae, Transcoder) and sae.w_skip is not None:
        changed["w_skip"] = sae.w_skip.float() * (factor / out)
    return replace(sae, **changed)
