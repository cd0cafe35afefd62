"""Latents of completions: residual states averaged over every k-th generated token.

    z_i(c) = mean of h_l^(t) over t in S, t <= min(T_i, c),   S = {k, 2k, 3k, ...}

t = 1 is the first generated token; what was forced before it, EOS and padding are outside. States
are added up in fp32 as the tokens pass, the odd and the even members of S apart: two halves of
one completion, whose covariance over completions is free of the noise of pooling few tokens.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from microtome.errors import InputError, SiteError, StrideError
from microtome.model.hooks import Taps
from microtome.model.model import Model
from microtome.model.ports import Ports
from microtome.model.site import Site
from microtome.model.tokens import Tokens

POOLED_KINDS = ("resid_pre", "resid_post", "attn_out", "mlp_out")


@dataclass(frozen=True)
class Pooling:
    """Which sites to average, over every `stride`-th token, up to each of `checkpoints`."""

    sites: tuple[Site, ...]
    stride: int = 32
    checkpoints: tuple[int, ...] = (128, 256, 512, 1024)

    def __post_init__(self) -> None:
        if not self.sites:
            raise SiteError("Pooling has no sites; name at least one, such as resid_post[12].")
        for site in self.sites:
            if site.kind not in POOLED_KINDS:
                raise SiteError(f"{site} cannot be pooled; use one of {', '.join(POOLED_KINDS)}.")
        if self.stride < 1:
            raise InputError(f"A stride of {self.stride} was asked; use 1 or more tokens.")
        rising = all(a < b for a, b in zip(self.checkpoints, self.checkpoints[1:], strict=False))
        if not self.checkpoints or self.checkpoints[0] < 1 or not rising:
            raise InputError(
                f"The checkpoints {list(self.checkpoints)} are not rising counts of tokens; write "
                f"them as [128, 256, 512]."
            )

    def wants(self, position: int) -> bool:
        """Whether the state of the generated token at `position` (from 1) is pooled."""
        return position % self.stride == 0 and position <= self.checkpoints[-1]

    def slab(self, position: int) -> tuple[int, int]:
        """The checkpoint whose sums it enters, and its half: 0 odd, 1 even members of S."""
        return bisect_left(self.checkpoints, position), (position // self.stride + 1) % 2

    def singles(self, model: Model) -> list[Site]:
        """Every single site, in the order of the latents' first axis."""
        return [single for site in self.sites for single in site.expand(model.parts.sizes)]


class Sums:
    """The sums while they grow: `slabs` is "checkpoint half site n d_model"."""

    def __init__(self, model: Model, pooling: Pooling, n: int) -> None:
        self.pooling = pooling
        self.model = model
        self.sites = pooling.singles(model)
        shape = (len(pooling.checkpoints), 2, len(self.sites), n, model.parts.d_model)
        self.slabs = torch.zeros(shape, device=model.device)

    def taps(self, tokens: Tokens, rows: Tensor, going: Tensor, position: int) -> Taps:
        """Taps for a pass over one token of each of `rows`; `going` are the places to pool."""
        slab = self.slabs[self.pooling.slab(position)]
        every = len(going) == len(rows)
        into, going = rows[going].to(slab.device), going.to(slab.device)

        def tap(at: int, x: Tensor) -> None:
            states = x[:, -1].to(slab.device, torch.float32)
            slab[at].index_add_(0, into, states if every else states[going])

        return self._placed(tokens, tap)

    def span_taps(self, tokens: Tokens, rows: Sequence[int], start: int) -> Taps:
        """Taps for one whole pass of sequences whose first counted token stands at `start`."""
        members: dict[tuple[int, int, int], list[int]] = defaultdict(list)
        for i, last in enumerate(tokens.last.tolist()):
            for position in range(self.pooling.stride, last - start + 2, self.pooling.stride):
                if self.pooling.wants(position):
                    members[i, *self.pooling.slab(position)].append(start + position - 1)

        def tap(at: int, x: Tensor) -> None:
            for (i, checkpoint, half), columns in members.items():
                total = x[i, columns].float().sum(0)
                self.slabs[checkpoint, half, at, rows[i]] += total.to(self.slabs.device)

        return self._placed(tokens, tap)

    def forget(self, rows: Int[Tensor, " row"]) -> None:
        """These rows are begun anew."""
        self.slabs[:, :, :, rows.to(self.slabs.device)] = 0

    def _placed(self, tokens: Tokens, tap: Callable[[int, Tensor], None]) -> Taps:
        ports = Ports(self.model.parts, tokens, self.model.adapter)
        for at, site in enumerate(self.sites):
            module, side = ports.carrier(site.kind, site.layer)
            taps = ports.taps.into if side == "in" else ports.taps.out_of
            taps[module].append(partial(tap, at))
        return ports.taps

    def frozen(self, lengths: Sequence[int]) -> "Pools":
        """The latents of completions of these lengths, on the CPU."""
        return Pools(self.pooling, tuple(self.sites), tuple(lengths), self.slabs.cpu())


@dataclass(frozen=True, eq=False)
class Pools:
    """Latents of n completions; `sums` is "checkpoint half site n d_model" between checkpoints."""

    pooling: Pooling
    sites: tuple[Site, ...]
    lengths: tuple[int, ...]
    sums: Float[Tensor, "checkpoint half site n d_model"]

    def counts(self, checkpoint: int) -> Int[Tensor, " n"]:
        """How many tokens each latent averages: the size of S up to min(T_i, checkpoint)."""
        self._index(checkpoint)
        return torch.tensor([min(t, checkpoint) // self.pooling.stride for t in self.lengths])

    def alive(self, checkpoint: int) -> Bool[Tensor, " n"]:
        """Which completions are at least `checkpoint` tokens long."""
        self._index(checkpoint)
        return torch.tensor([t >= checkpoint for t in self.lengths], dtype=torch.bool)

    def latents(
        self, checkpoint: int, rows: Sequence[int] | None = None
    ) -> Float[Tensor, "site n d_model"]:
        """Means over S up to the checkpoint, of these completions (None: all).

        StrideError if one of them has no member of S.
        """
        chosen = self._rows(rows)
        counts = self._demand(checkpoint, chosen, members=1)
        total = self._upto(checkpoint).sum(0)[:, chosen]
        return total / counts.to(total)[:, None]

    def halves(
        self, checkpoint: int, rows: Sequence[int] | None = None
    ) -> tuple[Float[Tensor, "site n d_model"], Float[Tensor, "site n d_model"]]:
        """Means over the odd and over the even members of S; StrideError below two members."""
        chosen = self._rows(rows)
        counts = self._demand(checkpoint, chosen, members=2)
        odd, even = self._upto(checkpoint)[:, :, chosen]
        return (
            odd / ((counts + 1) // 2).to(odd)[:, None],
            even / (counts // 2).to(even)[:, None],
        )

    def _upto(self, checkpoint: int) -> Tensor:
        return self.sums[: self._index(checkpoint) + 1].sum(0)

    def _index(self, checkpoint: int) -> int:
        if checkpoint not in self.pooling.checkpoints:
            raise InputError(
                f"Checkpoint {checkpoint} was not pooled; there are "
                f"{', '.join(map(str, self.pooling.checkpoints))}."
            )
        return self.pooling.checkpoints.index(checkpoint)

    def _rows(self, rows: Sequence[int] | None) -> list[int]:
        return list(range(len(self.lengths))) if rows is None else [int(row) for row in rows]

    def _demand(self, checkpoint: int, rows: list[int], members: int) -> Tensor:
        counts = self.counts(checkpoint)[rows]
        for row, count in zip(rows, counts.tolist(), strict=True):
            if count < members:
                raise StrideError(self._too_long(row, checkpoint, count, members))
        return counts

    def _too_long(self, row: int, checkpoint: int, count: int, members: int) -> str:
        length, usable = self.lengths[row], min(self.lengths[row], checkpoint) // members
        advice = f"use a stride of at most {usable}" if usable else "leave it out with rows=[...]"
        return (
            f"Completion {row} has {length} tokens, of which a stride of {self.pooling.stride} up "
            f"to checkpoint {checkpoint} takes {count} where {members} are needed; {advice}."
        )
