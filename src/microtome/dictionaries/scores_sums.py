"""Sums per text in fp64, from which every score and its interval over texts is made.

Variation about the mean of all texts comes out of sums about the first batch's mean,

    Σ‖v − v̄‖² = Σ‖v − c‖² − 2 (v̄ − c)·Σ(v − c) + n ‖v̄ − c‖²,

and is checked against a second way of adding it up (Chan, Golub & LeVeque 1983).
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Int
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary

Per = Float[Tensor, " texts"]


@dataclass
class Variation:
    """Squared distance of vectors from the mean of them all, per text."""

    centre: Tensor | None = None
    counts: list[Tensor] = field(default_factory=list)
    squares: list[Tensor] = field(default_factory=list)
    sums: list[Tensor] = field(default_factory=list)
    merged: float = 0.0
    _mean: Tensor | None = None
    _n: int = 0

    def add(self, v: Float[Tensor, "n d"], text: Int[Tensor, " n"], texts: int) -> None:
        """Vectors of `texts` new texts; `text` is each one's."""
        v = v.double()
        if self.centre is None:
            self.centre = v.mean(0)
        moved = v - self.centre
        self.counts.append(per_text(torch.ones_like(moved[:, 0]), text, texts))
        self.squares.append(per_text(moved.square().sum(-1), text, texts))
        self.sums.append(per_text(moved, text, texts))
        self._merge(v)

    def _merge(self, v: Tensor) -> None:
        """The second way: each batch about its own mean, then the means about each other."""
        mean, n = v.mean(0), len(v)
        gap = torch.zeros_like(mean) if self._mean is None else mean - self._mean
        total = self._n + n
        self.merged += float((v - mean).square().sum() + gap.square().sum() * self._n * n / total)
        self._mean = mean if self._mean is None else self._mean + gap * n / total
        self._n = total

    def per_text(self) -> Per:
        """Σ‖v − v̄‖² of each text."""
        sums, counts = torch.cat(self.sums), torch.cat(self.counts)
        gap = sums.sum(0) / counts.sum()
        total = torch.cat(self.squares) - 2 * sums @ gap + counts * gap.square().sum()
        return total.clamp(min=0)


def per_text(values: Tensor, text: Tensor, texts: int) -> Tensor:
    """Values "n ..." summed over each text, in fp64 on the CPU."""
    out = torch.zeros(texts, *values.shape[1:], dtype=torch.float64, device=values.device)
    return out.index_add_(0, text.to(values.device), values.double()).cpu()


def others(n: int, generator: torch.Generator) -> Int[Tensor, " n"]:
    """For each of n tokens another one, at random and none its own (one alone has no other)."""
    order = torch.randperm(n, generator=generator)
    found = torch.empty_like(order)
    found[order] = order.roll(1)
    return found


@dataclass
class Sums:
    """What a pass over texts adds up; names of `of` say what each is."""

    dictionary: Dictionary
    lift: Float[Tensor, "d_out r"] | None = None
    generator: torch.Generator = field(default_factory=torch.Generator)
    plain: Variation = field(default_factory=Variation)
    lifted: Variation = field(default_factory=Variation)
    fired: Int[Tensor, " d_dict"] | None = None
    texts_fired: Int[Tensor, " d_dict"] | None = None
    _of: dict[str, list[Tensor]] = field(default_factory=dict)

    def add(self, x: Tensor, y: Tensor, text: Tensor, texts: int, rows: int) -> None:
        """The kept tokens of a batch of `texts` texts, coded `rows` at a time."""
        self.plain.add(y, text, texts)
        mean = y.double().mean(0)
        if self.lift is not None:
            self.lifted.add(y.double() @ self.lift, text, texts)
        fired_in = torch.zeros(texts, self.dictionary.d_dict, dtype=torch.bool, device=x.device)
        batch: dict[str, Tensor] = {}
        for start in range(0, len(x), rows):
            part = slice(start, start + rows)
            f = self.dictionary.encode(x[part])
            self._count(f, text[part], fired_in)
            for name, values in self._tokens(f, x[part], y[part], mean).items():
                done = per_text(values, text[part], texts)
                batch[name] = batch[name] + done if name in batch else done
        for name, done in batch.items():
            self._of.setdefault(name, []).append(done)
        self.texts_fired = _plus(self.texts_fired, fired_in.sum(0).cpu())

    def of(self, name: str) -> Per:
        """One sum of every text."""
        return torch.cat(self._of[name])

    def _count(self, f: Tensor, text: Tensor, fired_in: Tensor) -> None:
        active = f > 0
        self.fired = _plus(self.fired, active.sum(0).cpu())
        token, feature = active.nonzero(as_tuple=True)
        fired_in[text.to(f.device)[token], feature] = True

    def _tokens(self, f: Tensor, x: Tensor, y: Tensor, mean: Tensor) -> dict[str, Tensor]:
        """What each token adds."""
        own = self.dictionary.decode(f, x).double()
        order = others(len(f), self.generator).to(f.device)
        foreign = self.dictionary.decode(f[order], x).double()
        y = y.double()
        error, size = (y - own).square().sum(-1), y.norm(dim=-1)
        away = (y - mean).square().sum(-1)
        lengths = (size * own.norm(dim=-1)).clamp(min=1e-30)
        found = {
            "tokens": torch.ones_like(size),
            "error": error,
            "error shuffled": (y - foreign).square().sum(-1),
            "legacy": torch.where(away > 0, error / away.clamp(min=1e-30), 0.0),
            "active": (f > 0).sum(-1).double(),
            "norm": size,
            "norm written": own.norm(dim=-1),
            "cosine": (y * own).sum(-1) / lengths,
        }
        if self.lift is not None:
            found["error lifted"] = ((y - own) @ self.lift).square().sum(-1)
        return found


def _plus(total: Tensor | None, more: Tensor) -> Tensor:
    return more if total is None else total + more
