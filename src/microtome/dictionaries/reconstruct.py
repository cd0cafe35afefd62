"""An edit that puts a dictionary's reconstruction in place of the activation.

    h ← decode(encode(x), x)                        what no feature explains is lost

It measures what the error matters to the network; to change a feature use `dictionary.ablate` and
its kin, which keep the error. BOS is left as it is unless `bos=True`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from microtome.dictionaries.clamp import DictionaryEdit
from microtome.dictionaries.contexts import site_out_of
from microtome.dictionaries.dictionary import Dictionary


@dataclass(frozen=True, eq=False)
class Reconstruct(DictionaryEdit):
    """Replace by the reconstruction."""

    def apply_from(self, x: Tensor, seen: Tensor) -> Tensor:
        with torch.set_grad_enabled(x.requires_grad or seen.requires_grad):
            written: Tensor = self.dictionary.to(seen.device).reconstruct(seen)
        return written


def reconstruct(
    dictionary: Dictionary,
    *,
    positions: tuple[int, ...] | None = None,
    rows: tuple[int, ...] | None = None,
    bos: bool = False,
) -> Reconstruct:
    """The edit at the dictionary's own site: `model.run(text, write=reconstruct(dictionary))`."""
    site = site_out_of(dictionary)
    return Reconstruct(site, dictionary, positions=positions, rows=rows, bos=bos)
