"""Texts as a model sees them: batches of tokens, and the activations that a dictionary reads.

Beginning-of-sequence tokens are left out unless asked for: dictionaries are not trained on them,
and their norm is hundreds of times that of other tokens in some models. A text longer than the
context is cut, and counted as cut.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from microtome.dictionaries.dictionary import Dictionary
from microtome.dictionaries.fit import check_fits
from microtome.dictionaries.harvest import SINK
from microtome.errors import DictionaryError, InputError, NumericsError
from microtome.model.model import Model
from microtome.model.partial import read_only
from microtome.model.site import Site
from microtome.model.tokens import Tokens, encode

CONTEXT = 512
"""Tokens of a text that are read, unless the model takes fewer."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Some texts as tokens; `kept` marks those that count, `first` is the number of its text 0."""

    tokens: Tokens
    kept: Bool[Tensor, "batch pos"]
    first: int
    cut: int
    """How many of its texts were longer than the context."""

    @property
    def texts(self) -> Int[Tensor, " kept"]:
        """The row of each kept token."""
        return torch.nonzero(self.kept)[:, 0]


@dataclass(frozen=True)
class Reading:
    """How texts are read: rows per pass, tokens per text, kept tokens in all, BOS."""

    batch: int = 16
    context: int | None = None
    max_tokens: int | None = None
    bos: bool = False

    def batches(self, model: Model, texts: Iterable[str]) -> Iterator[Batch]:
        """The texts in order; stops after the batch in which `max_tokens` is reached."""
        if self.batch < 1 or (self.max_tokens is not None and self.max_tokens < 1):
            raise InputError(
                f"batch={self.batch} and max_tokens={self.max_tokens} must be at least 1."
            )
        room = self.room(model)
        source, first, seen = iter(texts), 0, 0
        while rows := [encode(model.tokenizer, t) for t in islice(source, self.batch)]:
            tokens = model.tokenize([row[:room] for row in rows])
            kept = self.kept(model, tokens)
            yield Batch(tokens, kept, first, sum(len(row) > room for row in rows))
            first, seen = first + len(rows), seen + int(kept.sum())
            if self.max_tokens is not None and seen >= self.max_tokens:
                return
        if not first:
            raise InputError("There are no texts to read; give at least one.")

    def room(self, model: Model) -> int:
        """Tokens read of each text."""
        most = getattr(model.parts.config, "max_position_embeddings", None) or CONTEXT
        return min(self.context or CONTEXT, int(most))

    def kept(self, model: Model, tokens: Tokens) -> Bool[Tensor, "batch pos"]:
        """The mask of the tokens that count."""
        bos = getattr(model.parts.config, "bos_token_id", None)
        return tokens.mask if self.bos or bos is None else tokens.mask & (tokens.ids != bos)


def site_out_of(dictionary: Dictionary) -> Site:
    """The site it writes; DictionaryError where it knows none."""
    if dictionary.site_in is None or dictionary.site_out is None:
        raise DictionaryError(
            f"{dictionary.origin.source or 'This dictionary'} does not say which site it belongs "
            f"to; name it: load_dictionary(..., site='resid_post[12]')."
        )
    return dictionary.site_out


def sites_of(dictionary: Dictionary, model: Model) -> tuple[Site, Site]:
    """The sites it reads and writes; DictionaryError where it does not fit the model."""
    site_out = site_out_of(dictionary)
    check_fits(dictionary, model)
    assert dictionary.site_in is not None
    return dictionary.site_in, site_out


def read(
    dictionary: Dictionary, model: Model, batch: Batch
) -> tuple[Float[Tensor, "kept d_in"], Float[Tensor, "kept d_out"]]:
    """What the dictionary reads, and what it should write, at the kept tokens (fp32)."""
    site_in, site_out = sites_of(dictionary, model)
    found = read_only(model, batch.tokens, list(dict.fromkeys((site_in, site_out))))
    kept = batch.kept.to(found[site_in].device)
    return _finite(found[site_in][kept], site_in), _finite(found[site_out][kept], site_out)


def ordinary(
    x: Float[Tensor, "kept d_in"], y: Float[Tensor, "kept d_out"]
) -> Bool[Tensor, " kept"]:
    """Which tokens are no attention sink, as training tells them: within 10 medians of length."""
    lengths = (x.norm(dim=-1), y.norm(dim=-1))
    near = [length <= SINK * length.median() for length in lengths if len(length)]
    return near[0] & near[1] if near else torch.zeros(0, dtype=torch.bool, device=x.device)


def _finite(x: Tensor, site: Site) -> Tensor:
    x = x.float()
    if not torch.isfinite(x.sum()):
        wrong = int((~torch.isfinite(x)).any(-1).sum())
        if wrong:
            raise NumericsError(
                f"{wrong} of {len(x)} activations at {site} are not finite; check the weights for "
                f"NaN, or use dtype='float32'."
            )
    return x


def rows_at_once(dictionary: Dictionary) -> int:
    """Tokens whose codes take about 128 MiB."""
    return max(1, 2**25 // dictionary.d_dict)
