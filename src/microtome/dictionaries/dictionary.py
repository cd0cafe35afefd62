"""A dictionary writes an activation as a sparse sum of directions.

    f = encode(x) ≥ 0,        y ≈ decode(f, x),        y = x for an autoencoder

It knows the site it reads (`site_in`) and the one it writes (`site_out`), so an intervention needs
neither: `dictionary.ablate(7)` is an edit for `model.run(text, write=...)`. Interventions add the
change of the reconstruction to the activation (the delta rule), which keeps what the dictionary
does not explain; replacing the activation by its reconstruction would not.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.dictionaries.clamp import Clamp
from microtome.errors import DictionaryError, InputError
from microtome.model.direction import Direction
from microtome.model.site import Site


@dataclass(frozen=True)
class Origin:
    """Where a dictionary comes from: recorded with every number it gives."""

    source: str = ""
    """Hub id, path, or how it was made."""
    format: str = ""
    sha256: str = ""
    """Of the file of weights; empty for one made in memory."""
    model: str = ""
    """The model whose activations it was trained on, as its files say."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """What else its files say: average_l0, width, training statistics."""
    stand_in: str = ""
    """Not empty for what was asked for in place of a trained one ("random orthogonal ...")."""


@dataclass(frozen=True, eq=False)
class Dictionary(abc.ABC):
    """What every dictionary offers; features are numbered 0 to d_dict − 1."""

    site_in: Site | None = field(default=None, kw_only=True)
    site_out: Site | None = field(default=None, kw_only=True)
    origin: Origin = field(default_factory=Origin, kw_only=True)

    @property
    @abc.abstractmethod
    def architecture(self) -> str:
        """Its kind in a word or two: "JumpReLU SAE", "top-k transcoder"."""

    @property
    @abc.abstractmethod
    def d_in(self) -> int: ...

    @property
    @abc.abstractmethod
    def d_out(self) -> int: ...

    @property
    @abc.abstractmethod
    def d_dict(self) -> int: ...

    @property
    @abc.abstractmethod
    def atoms(self) -> Float[Tensor, "d_dict d_out"]:
        """What one unit of each feature adds to the output (before a per-token norm's scale)."""

    @abc.abstractmethod
    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_dict"]:
        """Feature activations at `site_in`, in fp32; InputError for another width."""

    @abc.abstractmethod
    def decode(
        self, f: Float[Tensor, "*batch d_dict"], x: Float[Tensor, "*batch d_in"]
    ) -> Float[Tensor, "*batch d_out"]:
        """The reconstruction at `site_out`; `x` gives the scale of a norm, and the skip's input."""

    @abc.abstractmethod
    def write(
        self,
        change: Float[Tensor, "*batch chosen"],
        features: Float[Tensor, " chosen"],
        x: Float[Tensor, "*batch d_in"],
    ) -> Float[Tensor, "*batch d_out"]:
        """What changing these features by `change` adds to the reconstruction of `x`."""

    @abc.abstractmethod
    def to(self, device: torch.device | str) -> Dictionary:
        """The same on another device."""

    def reconstruct(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_out"]:
        """decode(encode(x), x)."""
        return self.decode(self.encode(x), x)

    def dependents(self, feature: int) -> tuple[int, ...]:
        """The feature and those that cannot fire without it (the children of a parent)."""
        return (feature,)

    # --- interventions ------------------------------------------------------------------------

    def clamp(
        self,
        feature: int | Sequence[int],
        value: float | Sequence[float] | Tensor,
        *,
        positions: tuple[int, ...] | None = None,
        rows: tuple[int, ...] | None = None,
        bos: bool = False,
    ) -> Clamp:
        """Set features to a value (one each, or a tensor "batch pos chosen"); BOS is left out."""
        return self._clamp(feature, value, "set", positions, rows, bos)

    def scale(
        self,
        feature: int | Sequence[int],
        factor: float | Sequence[float] | Tensor,
        *,
        positions: tuple[int, ...] | None = None,
        rows: tuple[int, ...] | None = None,
        bos: bool = False,
    ) -> Clamp:
        """Multiply features by a factor where they fire."""
        return self._clamp(feature, factor, "scale", positions, rows, bos)

    def ablate(
        self,
        feature: int | Sequence[int],
        by: float | Sequence[float] | Tensor = 0.0,
        *,
        positions: tuple[int, ...] | None = None,
        rows: tuple[int, ...] | None = None,
        bos: bool = False,
    ) -> Clamp:
        """Set features, and what depends on them, to 0; or to means or resampled values `by`.

        With `by` other than 0 only the named features are set.
        """
        named = [feature] if isinstance(feature, int) else list(feature)
        if isinstance(by, int | float) and by == 0:
            self._demand(named)
            named = list(dict.fromkeys(d for f in named for d in self.dependents(f)))
        return self._clamp(named, by, "set", positions, rows, bos)

    def direction(self, feature: int) -> Direction:
        """The feature's atom as a residual-space Direction."""
        self._demand([feature])
        return Direction(self.atoms[feature].float(), "residual", f"feature {feature}")

    def _clamp(
        self, feature: Any, value: Any, how: str, positions: Any, rows: Any, bos: bool
    ) -> Clamp:
        features = (int(feature),) if isinstance(feature, int) else tuple(int(f) for f in feature)
        self._demand(features)
        if self.site_out is None or self.site_in is None:
            raise DictionaryError(
                f"{self.origin.source or 'This dictionary'} does not say which site it belongs to; "
                f"name it: load_dictionary(..., site='resid_post[12]')."
            )
        values = torch.as_tensor(value, dtype=torch.float32)
        return Clamp(
            self.site_out, self, features, values, how, positions=positions, rows=rows, bos=bos
        )

    def _demand(self, features: Sequence[int]) -> None:
        if not len(features):
            raise InputError("No feature was named; give at least one.")
        for feature in features:
            if not 0 <= feature < self.d_dict:
                raise InputError(
                    f"Feature {feature} was asked for; {self.origin.source or 'this dictionary'} "
                    f"has features 0 to {self.d_dict - 1}."
                )
        if len(set(features)) != len(features):
            raise InputError(f"A feature is named twice in {tuple(features)}; name each once.")
