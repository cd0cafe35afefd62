"""The canonical dictionary, of which every file format is a spelling.

    x̃ = (x − shift) / scale                       per-token norm, if any
    f = act(W_enc (x̃ − b_in), b_enc)
    ŷ = scale · (f W_dec + b_dec + W_skip x̃) + shift

Both matrices are latent-major, "d_dict d": a feature's rows lie together. An autoencoder reads and
writes one site; `microtome.dictionaries.transcoder` writes another one.
"""

from dataclasses import dataclass, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.nonlinearity import Gated, JumpReLU, Nonlinearity, TopK
from microtome.dictionaries.norm import NONE, InputNorm
from microtome.errors import DictionaryError, InputError, NumericsError


@dataclass(frozen=True, eq=False)
class SAE(Dictionary):
    """A sparse autoencoder; all tensors in one dtype on one device (computed in fp32)."""

    w_enc: Float[Tensor, "d_dict d_in"]
    b_enc: Float[Tensor, " d_dict"]
    w_dec: Float[Tensor, "d_dict d_out"]
    b_dec: Float[Tensor, " d_out"]
    activation: Nonlinearity
    b_in: Float[Tensor, " d_in"] | None = None
    norm: InputNorm = NONE

    def __post_init__(self) -> None:
        shapes = {name: tuple(t.shape) for name, t in self.tensors().items()}
        wanted = self._shapes()
        for name, shape in shapes.items():
            if shape != wanted[name]:
                raise DictionaryError(
                    f"{self.origin.source or 'A dictionary'} has {name} of shape {shape} where "
                    f"{wanted[name]} follows from w_enc {shapes['w_enc']} and w_dec "
                    f"{shapes['w_dec']} (latents first); check the file and its format."
                )
        k = self.activation.k if isinstance(self.activation, TopK) else 1
        if not 1 <= k <= len(self.w_enc):
            raise DictionaryError(
                f"{self.origin.source or 'A dictionary'} keeps the {k} largest of "
                f"{len(self.w_enc)} features; k lies between 1 and their number."
            )
        for name, tensor in self.tensors().items():
            if not torch.isfinite(tensor.sum(dtype=torch.float32)):
                raise NumericsError(
                    f"{self.origin.source or 'A dictionary'} holds values that are not finite in "
                    f"{name}; the file is damaged or its training diverged."
                )

    def tensors(self) -> dict[str, Tensor]:
        """Its weights by name, without those that are None."""
        every = {"w_enc": self.w_enc, "b_enc": self.b_enc, "w_dec": self.w_dec}
        every |= {"b_dec": self.b_dec}
        if self.b_in is not None:
            every["b_in"] = self.b_in
        held = {k: v for k, v in vars(self.activation).items() if isinstance(v, Tensor)}
        return every | held

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        m, d_in, d_out = len(self.w_enc), self.w_enc.shape[-1], self.w_dec.shape[-1]
        wanted: dict[str, tuple[int, ...]] = {"w_enc": (m, d_in), "w_dec": (m, d_out)}
        wanted |= {"b_dec": (d_out,), "b_in": (d_in,)}
        if isinstance(self.activation, JumpReLU) and not self.activation.threshold.ndim:
            wanted["threshold"] = ()
        return {name: wanted.get(name, (m,)) for name in self.tensors()}

    @property
    def architecture(self) -> str:
        kinds = {TopK: "top-k", JumpReLU: "JumpReLU", Gated: "gated"}
        return f"{kinds.get(type(self.activation), self.activation.name)} {self.noun}"

    @property
    def noun(self) -> str:
        return "SAE"

    @property
    def d_in(self) -> int:
        return int(self.w_enc.shape[1])

    @property
    def d_out(self) -> int:
        return int(self.w_dec.shape[1])

    @property
    def d_dict(self) -> int:
        return int(self.w_enc.shape[0])

    @property
    def atoms(self) -> Float[Tensor, "d_dict d_out"]:
        return self.w_dec

    def pre(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_dict"]:
        """The encoder's product, before bias and activation function."""
        if x.shape[-1] != self.d_in:
            raise InputError(
                f"{self.origin.source or 'This dictionary'} reads vectors of width {self.d_in} and "
                f"was given {x.shape[-1]}; it belongs to another model or site."
            )
        normed = self._normed(x)
        if self.b_in is not None:
            normed = normed - self.b_in.float()
        return normed @ self.w_enc.float().T

    def encode(self, x: Float[Tensor, "*batch d_in"]) -> Float[Tensor, "*batch d_dict"]:
        return self.activation(self.pre(x), self.b_enc.float())

    def decode(
        self, f: Float[Tensor, "*batch d_dict"], x: Float[Tensor, "*batch d_in"]
    ) -> Float[Tensor, "*batch d_out"]:
        scale, shift = self.norm.of(x.float())
        return scale * (f @ self.w_dec.float() + self.b_dec.float()) + shift

    def write(
        self,
        change: Float[Tensor, "*batch chosen"],
        features: Float[Tensor, " chosen"],
        x: Float[Tensor, "*batch d_in"],
    ) -> Float[Tensor, "*batch d_out"]:
        scale, _ = self.norm.of(x.float())
        return scale * (change @ self.w_dec[features].float())

    def to(self, device: torch.device | str) -> "SAE":
        if self.w_enc.device == torch.device(device):
            return self
        own: dict[str, Any] = {k: v.to(device) for k, v in vars(self).items() if _is_tensor(v)}
        return replace(self, activation=self.activation.to(device), **own)

    def _normed(self, x: Tensor) -> Tensor:
        return self.norm.normed(x.float())


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
