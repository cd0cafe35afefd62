"""A dictionary in fewer terms, for formats that lack some of ours, with the same function.

An input offset moves into the bias, W (x − b_in) + b = W x + (b − W b_in); a unit norm is √d
times a constant one. What a format then still cannot say is refused by name.
"""

from dataclasses import replace

from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fold import scaled_input
from microtome.dictionaries.norm import InputNorm
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.transcoder import Transcoder
from microtome.errors import DictionaryError


def own_norm(dictionary: Dictionary, format: str) -> SAE:
    """The dictionary with a norm among none, constant and layer."""
    if type(dictionary) not in (SAE, Transcoder):
        raise DictionaryError(f"{format} has no {dictionary.architecture}; keep it in our format.")
    assert isinstance(dictionary, SAE)
    if dictionary.norm.kind != "unit":
        return dictionary
    scaled = scaled_input(dictionary, dictionary.d_in**-0.5)
    return replace(scaled, norm=InputNorm("constant"))


def transcoder(sae: SAE, format: str) -> Transcoder:
    """The same as a transcoder without a norm."""
    if not isinstance(sae, Transcoder) or sae.norm.kind != "none":
        norm = "" if sae.norm.kind == "none" else f" with a {sae.norm.kind} norm per token"
        raise DictionaryError(
            f"{format} holds transcoders without a norm, and this is a {sae.architecture}{norm}."
        )
    return sae


def plain_encoder(sae: SAE) -> tuple[Tensor, Tensor]:
    """(W_enc, b_enc) of the same encoder without an input offset; a changed bias is fp32."""
    shift = input_shift(sae)
    return sae.w_enc, sae.b_enc if shift is None else sae.b_enc.float() - shift


def input_shift(sae: SAE) -> Tensor | None:
    """W_enc b_in, which an encoder without an offset subtracts instead."""
    return None if sae.b_in is None else sae.w_enc.float() @ sae.b_in.float()
