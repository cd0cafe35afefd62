"""Interventions as frozen values: Replace, Add, Ablate, Project.

An edit names a site, the token positions (None: every token; negative counts from each row's
end) and the batch rows it applies to; elsewhere the activation keeps its bits. At `head_out` an
edit changes the output projection's sum *before* a post-norm, whose scale is then recomputed;
`frozen=True` changes the contribution after it, so that what is read back is what was written.
`bos=False` leaves a beginning-of-sequence token as it is, also where positions is None.
An edit with a `source` (a transcoder's input) reads that site in the same pass.
"""

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from microtome.errors import InputError, SiteError
from microtome.model.direction import Direction
from microtome.model.site import READ_ONLY, Site, Span

if TYPE_CHECKING:
    from microtome.model.run import Run


@dataclass(frozen=True, eq=False)
class Edit:
    """What all edits share; use one of its subclasses."""

    site: Site
    positions: tuple[int, ...] | None = field(default=None, kw_only=True)
    rows: tuple[int, ...] | None = field(default=None, kw_only=True)
    frozen: bool = field(default=False, kw_only=True)
    bos: bool = field(default=True, kw_only=True)

    @property
    def source(self) -> Site | None:
        """The single site whose activation `apply_from` also needs; None: only its own."""
        return None

    def apply_from(self, x: Tensor, seen: Tensor) -> Tensor:
        """The edited activation, given the one at `source` in the same rows and positions."""
        raise NotImplementedError

    def __post_init__(self) -> None:
        if self.site.kind in READ_ONLY:
            raise SiteError(f"{self.site} can be read and not written; edit q, k, v or head_z.")
        if self.frozen and self.site.kind != "head_out":
            raise SiteError(f"frozen=True is a choice at head_out only, not at {self.site}.")

    def apply(self, x: Tensor) -> Tensor:
        """The edited activation "batch pos d", as if every row and position were meant."""
        raise NotImplementedError

    def at(self, site: Site, index: tuple[int, ...]) -> "Edit":
        """This edit at one of the single sites it expands to; `index` picks from its value."""
        return replace(self, site=site)


@dataclass(frozen=True, eq=False)
class Replace(Edit):
    """Put `value` there: a tensor that broadcasts to "batch pos d", or a Run to take it from.

    A Run as donor gives a head its own write (its own output projection, before its post-norm).
    """

    value: "Tensor | Run"

    def apply(self, x: Tensor) -> Tensor:
        assert isinstance(self.value, Tensor)
        return _fitting(self.value, x, self.site).expand_as(x)

    def at(self, site: Site, index: tuple[int, ...]) -> "Edit":
        value = self.value
        if isinstance(value, Tensor):
            value = _picked(value, self.site, index)
        return replace(self, site=site, value=value)


@dataclass(frozen=True, eq=False)
class RawReplace(Replace):
    """At `head_out`: put there a write as it left a projection, before any post-norm."""


@dataclass(frozen=True, eq=False)
class Add(Edit):
    """Add `scale` times `value`, a tensor that broadcasts to "batch pos d"."""

    value: Tensor
    scale: float = 1.0

    def apply(self, x: Tensor) -> Tensor:
        return x + self.scale * _fitting(self.value, x, self.site)

    def at(self, site: Site, index: tuple[int, ...]) -> "Edit":
        return replace(self, site=site, value=_picked(self.value, self.site, index))


@dataclass(frozen=True, eq=False)
class Ablate(Edit):
    """Replace by zero, or by `mean` (a tensor that broadcasts to "batch pos d")."""

    mean: Tensor | None = None

    def apply(self, x: Tensor) -> Tensor:
        if self.mean is None:
            return torch.zeros_like(x)
        return _fitting(self.mean, x, self.site).expand_as(x)

    def at(self, site: Site, index: tuple[int, ...]) -> "Edit":
        mean = None if self.mean is None else _picked(self.mean, self.site, index)
        return replace(self, site=site, mean=mean)


@dataclass(frozen=True, eq=False)
class Project(Edit):
    """Remove the component along a residual-space direction: x − (x·d̂)d̂."""

    direction: Direction

    def __post_init__(self) -> None:
        super().__post_init__()
        Direction.demand(self.direction, "residual", "Project")
        if not float(self.direction.vector.norm()) > 0:
            raise InputError(f"The direction {self.direction.label!r} is zero; nothing to remove.")

    def apply(self, x: Tensor) -> Tensor:
        unit = _fitting(self.direction.vector.float(), x.float(), self.site)
        unit = unit / unit.norm()
        return x.float() - (x.float() @ unit)[..., None] * unit


def _fitting(value: Tensor, x: Tensor, site: Site) -> Tensor:
    try:
        fits = torch.broadcast_shapes(value.shape, x.shape) == x.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise InputError(
            f"The value for {site} has shape {tuple(value.shape)} and the activation "
            f"{tuple(x.shape)} (batch, pos, d); give a value that broadcasts to it."
        )
    return value.to(x)


def _picked(value: Tensor, site: Site, index: tuple[int, ...]) -> Tensor:
    """The part of a value with leading site axes (as reading gives them) for one single site."""
    spans = sum(isinstance(i, Span) for i in site.index)
    if value.ndim <= 3:
        return value
    if value.ndim != 3 + spans:
        raise InputError(
            f"The value for {site} has {value.ndim} axes; give up to three (batch, pos, d), or "
            f"{3 + spans} as reading the site gives them."
        )
    return value[index]
