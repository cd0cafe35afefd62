"""Is a feature only a detector of a token? Its strongest tokens are put into neutral prompts.

The tokens on which it fires most on the pairs to select on are inserted, one at a time, in the
middle of plain sentences that have nothing to do with the domain, and its largest activation from
there on is read. The control is the same sentence without the token. A feature that gains by it
half of what it reaches on its own prompts needs the token and not the context.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

import microtome as mt
from microtome.model.tokens import encode
from microtome.statistics import Floats, Level, mean
from microtome.studies.misconceptions.codes import Codes
from microtome.studies.misconceptions.reading import Reading, site_of

if TYPE_CHECKING:
    from microtome.dictionaries.dictionary import Dictionary

NEUTRAL = (
    "People keep a bird in the garden and a cat in the house.",
    "Everybody knows that a rose is a kind of flower.",
    "My sister says that a spoon is a tool.",
    "Every apple is a fruit and every fruit is a food.",
    "In the morning Clara and Ben keep a horse in the garden.",
)
TOKENS = 3
DETECTOR = 0.5


@dataclass(frozen=True)
class Injection:
    """What one feature does with its strongest tokens in neutral sentences."""

    tokens: tuple[int, ...]
    natural: float
    injected: float
    low: float | None
    high: float | None
    without: float
    n: int

    @property
    def detector(self) -> bool:
        """Whether a token alone adds at least half of the natural activation."""
        return self.natural > 0 and self.injected - self.without >= DETECTOR * self.natural

    def row(self, model: "mt.Model") -> dict[str, Any]:
        """As columns."""
        strongest = " ".join(repr(model.tokenizer.decode([token])) for token in self.tokens)
        return {
            "top_tokens": strongest, "natural": self.natural, "injected": self.injected,
            "injected_low": self.low, "injected_high": self.high, "without": self.without,
            "n_injected": self.n, "token_detector": self.detector,
        }  # fmt: skip


def inject(
    model: "mt.Model",
    dictionary: "Dictionary",
    feature: int,
    codes: Codes,
    read: Sequence[Reading],
    at: Level,
) -> Injection:
    """Insert the strongest tokens of a feature, found in the codes of `read`, into `NEUTRAL`."""
    values = codes.of_feature(feature)
    tokens = strongest_tokens(values, read, model.tokenizer.bos_token_id)
    natural = _natural(values, read)
    plain = [encode(model.tokenizer, text) for text in NEUTRAL]
    middles = [len(ids) // 2 for ids in plain]
    rows = [
        [*ids[:at], token, *ids[at:]]
        for token in tokens
        for ids, at in zip(plain, middles, strict=True)
    ]
    without = _largest(model, dictionary, feature, plain, middles)
    if not rows:
        return Injection((), natural, 0.0, None, None, float(without.mean()), 0)
    reached = _largest(model, dictionary, feature, rows, middles * len(tokens))
    by_token = reached.reshape(len(tokens), len(plain))
    best = by_token[int(by_token.mean(1).argmax())]
    found = mean(best, at=at, within=(0.0, np.inf))
    return Injection(
        tokens, natural, found.value, found.low, found.high, float(without.mean()), found.n
    )


def strongest_tokens(values: Floats, read: Sequence[Reading], bos: int | None) -> tuple[int, ...]:
    """The tokens of largest activation, each once; BOS is none of them."""
    ids = np.array([token for one in read for token in one.ids])
    best: dict[int, float] = {}
    for at in np.argsort(-values, kind="stable"):
        if values[at] <= 0 or len(best) == TOKENS:
            break
        if int(ids[at]) != bos:
            best.setdefault(int(ids[at]), float(values[at]))
    return tuple(best)


def _natural(values: Floats, read: Sequence[Reading]) -> float:
    """Mean over the prompts on which it fires of its largest activation, BOS left out."""
    ends = np.cumsum([0, *(len(one.ids) for one in read)])
    largest = np.array([values[a + 1 : b].max(initial=0.0) for a, b in pairwise(ends.tolist())])
    return float(largest[largest > 0].mean()) if (largest > 0).any() else 0.0


def _largest(
    model: "mt.Model",
    dictionary: "Dictionary",
    feature: int,
    rows: Sequence[Sequence[int]],
    starts: Sequence[int],
) -> Floats:
    """The feature's largest activation of every row, from its start on."""
    site = site_of(dictionary)
    run = model.run(list(rows), read=site, logits="last")
    with torch.no_grad():
        values = dictionary.to(run[site].device).encode(run[site])[..., feature].cpu().double()
    first = run.tokens.first.tolist()
    return np.array(
        [
            float(values[i, first[i] + start : first[i] + len(row)].max())
            for i, (row, start) in enumerate(zip(rows, starts, strict=True))
        ]
    )
