"""An edit that puts a dictionary's reconstruction in place of the activation.

    h ← decode(encode(x), x)                        what a feature does not explain is lost
    h ← h + decode(f, x) − decode(f, x) = h         with error=True nothing is: bitwise the same

It measures what the error matters to the network; to change a feature use `dictionary.ablate` and
its kin, which keep the error. BOS is left as it is unless `bos=True`.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from microtome.dictionaries.contexts import site_out_of
from microtome.dictionaries.dictionary import Dictionary
from microtome.model.edit import Edit
from microtome.model.site import Site


@dataclass(frozen=True, eq=False)
class Reconstruct(Edit):
    """Replace by the reconstruction, or (`error=True`) by reconstruction plus its error."""

    dictionary: Dictionary
    error: bool = False

    @property
    def source(self) -> Site | None:
        """The dictionary's input, where that is another site than the one it writes."""
        return None if self.dictionary.site_in == self.site else self.dictionary.site_in

    def apply(self, x: Tensor) -> Tensor:
        return self.apply_from(x, x)

    def apply_from(self, x: Tensor, seen: Tensor) -> Tensor:
        with torch.set_grad_enabled(x.requires_grad or seen.requires_grad):
            written = self.dictionary.to(seen.device).reconstruct(seen)
        if not self.error:
            return written
        return x.float() + (written - written)


def reconstruct(
    dictionary: Dictionary,
    *,
    error: bool = False,
    positions: tuple[int, ...] | None = None,
    rows: tuple[int, ...] | None = None,
    bos: bool = False,
) -> Reconstruct:
    """The edit at the dictionary's own site: `model.run(text, write=reconstruct(dictionary))`."""
    return Reconstruct(
        site_out_of(dictionary), dictionary, error, positions=positions, rows=rows, bos=bos
    )
