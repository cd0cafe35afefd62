"""The planted circuit in residual-stream coordinates: what both architectures write down.

    L0H0 writes at each position the key that stands before it into `previous`     (by position)
    L1H0 looks from the query for that key, with score β, and writes its value into `copied`
    L2_MLP has one neuron per value v: copied(v) above a threshold writes out(π(v))

Each named block of orthonormal codes spans one subspace. All matrices act on the stream itself; an
architecture rescales them by `read_scale` for what its norms hand on. Induction heads: Olsson et
al. 2022, arXiv 2209.11895.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from microtome.specimens.planted.task import (
    N_KEYS,
    N_POSITIONS,
    N_VALUES,
    SPECIAL,
    VOCABULARY,
)

N_LAYERS, N_HEADS, D_HEAD, D_VALUE, D_MLP = 4, 4, 32, 16, 64
D_MODEL = N_HEADS * D_HEAD
ROTARY_BASE = 10000.0


@dataclass(frozen=True)
class Codes:
    """Orthonormal codes, one block of rows [n, d_model] per subspace, all orthogonal to ones."""

    token: Tensor
    constant: Tensor
    position: Tensor
    previous: tuple[Tensor, Tensor]
    copied: Tensor
    unread: Tensor
    out: Tensor

    @property
    def key(self) -> Tensor:
        """The token codes of k0 ... k11."""
        return self.token[len(SPECIAL) : len(SPECIAL) + N_KEYS]

    @property
    def value(self) -> Tensor:
        """The token codes of v0 ... v11."""
        return self.token[len(SPECIAL) + N_KEYS :]


def draw_codes(generator: torch.Generator) -> Codes:
    """A random rotation cut into blocks."""
    drawn = torch.randn(D_MODEL, D_MODEL, generator=generator, dtype=torch.float64)
    drawn[:, 0] = 1.0  # LayerNorm removes the mean: keep every code off the ones direction
    rows = torch.linalg.qr(drawn).Q.T[1:].float()
    sizes = [len(VOCABULARY), 1, N_POSITIONS, N_KEYS, N_KEYS, N_VALUES, N_VALUES, N_VALUES]
    token, constant, position, first, second, copied, unread, out = rows[: sum(sizes)].split(sizes)
    return Codes(token, constant, position, (first, second), copied, unread, out)


@dataclass(frozen=True)
class Head:
    """query [d_model, d_head], value [d_model, d_value], output [d_value, d_model].

    `constant` [d_model] is what the head writes whatever it reads.
    """

    query: Tensor
    value: Tensor
    output: Tensor
    constant: Tensor | None = None


@dataclass(frozen=True)
class Attention:
    """Four heads and two key matrices [d_model, d_head], one for two neighbouring heads.

    `length` is the designed length of the stream it reads, `written` of what it adds.
    """

    keys: tuple[Tensor, ...]
    heads: tuple[Head, ...]
    length: float
    written: float


@dataclass(frozen=True)
class Mlp:
    """write.T @ gelu(read.T @ x) with read [d_model, d_mlp] and write [d_mlp, d_model]."""

    read: Tensor
    write: Tensor
    length: float
    written: float


@dataclass(frozen=True)
class Circuit:
    """Codes, layers and the unembedding [vocabulary, d_model] of a stream of designed `length`."""

    codes: Codes
    layers: tuple[tuple[Attention, Mlp], ...]
    unembed: Tensor
    length: float


def read_scale(length: float) -> float:
    """What turns a reader of the stream into a reader of the stream normed to sqrt(d_model)."""
    return length / D_MODEL**0.5
