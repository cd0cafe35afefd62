"""Where features fire: one pass over texts for many features at once.

Of every feature it keeps the strongest contexts (one a text, equal ones once), as many drawn at
random from all texts where it fires, all activations above zero, and how often it fires per text.
The drawn ones show what the strongest hide: most firings are weaker, and often about other things.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from microtome.dictionaries.contexts import Batch
from microtome.dictionaries.dictionary import Dictionary


@dataclass(frozen=True)
class Context:
    """A stretch of a text and a feature's activation on each token (NaN where none was read)."""

    text: int
    """Number of the text, counted from 0."""
    tokens: tuple[str, ...]
    activations: tuple[float, ...]
    peak: int

    @property
    def activation(self) -> float:
        """The strongest one."""
        return self.activations[self.peak]


@dataclass(frozen=True)
class _Window:
    """A context before its tokens are spelt out."""

    text: int
    ids: tuple[int, ...]
    activations: tuple[float, ...]
    peak: int
    value: float

    @property
    def seen(self) -> tuple[int, ...]:
        """What the model had read at the peak: equal ones are one context."""
        return self.ids[: self.peak + 1]

    def spelt(self, tokenizer: Any) -> Context:
        tokens = tuple(spell(tokenizer, i) for i in self.ids)
        return Context(self.text, tokens, self.activations, self.peak)


@dataclass
class _Found:
    """What is held of one feature."""

    strongest: dict[tuple[int, ...], _Window] = field(default_factory=dict)
    drawn: list[_Window] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)
    texts: int = 0


@dataclass
class Firings:
    """Gathers contexts of `features`; `counts` is per text and feature, `tokens` per text."""

    features: tuple[int, ...]
    keep: int
    draw: int
    window: int
    rng: np.random.Generator
    counts: list[np.ndarray] = field(default_factory=list)
    tokens: list[np.ndarray] = field(default_factory=list)
    cut: int = 0
    """Texts of which only the beginning was read."""

    def __post_init__(self) -> None:
        self.found = [_Found() for _ in self.features]

    def add(
        self, batch: Batch, dictionary: Dictionary, x: Float[Tensor, "kept d"], rows: int
    ) -> None:
        """The kept tokens of a batch, coded `rows` at a time."""
        chosen = list(self.features)
        codes = [dictionary.encode(part)[:, chosen].cpu() for part in x.split(rows)]
        kept = batch.kept.cpu()
        dense = torch.full((*kept.shape, len(chosen)), torch.nan)
        dense[kept] = torch.cat([torch.zeros(0, len(chosen)), *codes])
        f, mask, ids = dense.numpy(), batch.tokens.mask.cpu().numpy(), batch.tokens.ids.cpu()
        self.counts.append((f > 0).sum(1))
        self.tokens.append(kept.sum(1).numpy())
        self.cut += batch.cut
        highest = np.where(np.isnan(f), -np.inf, f).max(1)
        for place, own in enumerate(self.found):
            own.values.append(f[..., place][f[..., place] > 0])
            for row in np.flatnonzero(highest[:, place] > 0):
                real = mask[row]
                column, tokens = f[row, real, place], ids[row].numpy()[real]
                self._meet(own, batch.first + int(row), tokens, column)

    def _meet(self, own: _Found, text: int, ids: np.ndarray, column: np.ndarray) -> None:
        """A text in which the feature fires."""
        own.texts += 1
        peak = int(np.nanargmax(column))
        if len(own.strongest) < self.keep or column[peak] > self._least(own):
            one = self._cut(text, ids, column, peak)
            before = own.strongest.get(one.seen)
            if before is None or before.value < one.value:
                own.strongest[one.seen] = one
            if len(own.strongest) > self.keep:
                del own.strongest[min(own.strongest, key=lambda k: own.strongest[k].value)]
        at = len(own.drawn) if own.texts <= self.draw else int(self.rng.integers(own.texts))
        if at < self.draw:
            fired = np.flatnonzero(column > 0)
            one = self._cut(text, ids, column, int(self.rng.choice(fired)))
            own.drawn[at : at + 1] = [one]

    @staticmethod
    def _least(own: _Found) -> float:
        return min((one.value for one in own.strongest.values()), default=0.0)

    def _cut(self, text: int, ids: np.ndarray, column: np.ndarray, peak: int) -> _Window:
        start, stop = max(peak - self.window, 0), peak + self.window + 1
        values = tuple(float(v) for v in column[start:stop])
        return _Window(
            text, tuple(int(i) for i in ids[start:stop]), values, peak - start, float(column[peak])
        )

    def strongest(self, place: int, tokenizer: Any) -> tuple[Context, ...]:
        """Of the feature at `place`, strongest first."""
        windows = sorted(self.found[place].strongest.values(), key=lambda one: -one.value)
        return tuple(one.spelt(tokenizer) for one in windows)

    def drawn(self, place: int, tokenizer: Any) -> tuple[Context, ...]:
        """Drawn at random among the texts where the feature at `place` fires."""
        return tuple(one.spelt(tokenizer) for one in self.found[place].drawn)

    def values(self, place: int) -> np.ndarray:
        """Every activation above zero."""
        return np.concatenate([np.zeros(0, dtype=np.float32), *self.found[place].values])


def spell(tokenizer: Any, token: int) -> str:
    """A token as text, with the space that some tokenizers drop when it stands alone."""
    text = str(tokenizer.decode([token], clean_up_tokenization_spaces=False))
    raw = tokenizer.convert_ids_to_tokens(token)
    return f" {text}" if str(raw).startswith("▁") and not text.startswith(" ") else text
