"""What the model is given for each prompt, at which tokens it is read, and what fires there.

    last      the prompt's last token                          all   every token but BOS (mean)
    concept   the last token of the concept word               max   every token but BOS (largest)
    answer    the tokens of the forced answer (mean)

Two members with the same prompt have identical activations on it. Such pairs are read on the
answer's tokens, each member's own, whatever was asked for; `Reading.how` says which it was.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

import microtome as mt
from microtome.errors import InputError
from microtome.model.answers import Answers
from microtome.model.tokens import encode
from microtome.studies.misconceptions.codes import Codes, Floats, pooled
from microtome.studies.misconceptions.concepts import concept_at
from microtome.studies.misconceptions.fit import Fit
from microtome.studies.misconceptions.pairs import Pair, Prompt

if TYPE_CHECKING:
    from microtome.dictionaries.dictionary import Dictionary


@dataclass(frozen=True)
class Reading:
    """A prompt as token ids (with its own answer where that is read), and where it is read."""

    prompt: Prompt
    ids: tuple[int, ...]
    n_prompt: int
    how: str
    at: tuple[int, ...]
    bos: bool
    """Whether the ids begin with the tokenizer's BOS."""


def how_of(pair: Pair, read_at: str) -> str:
    """Where a pair is read."""
    return "answer" if pair.identical else read_at


def readings(model: "mt.Model", pairs: Sequence[Pair], read_at: str) -> list[Reading]:
    """Both members of every pair, in turn; AnswerError where the answers do not differ."""
    return [
        _reading(model, prompt, how_of(pair, read_at)) for pair in pairs for prompt in pair.members
    ]


def _reading(model: "mt.Model", prompt: Prompt, how: str) -> Reading:
    own = encode(model.tokenizer, prompt.prompt)
    n_prompt, ids = len(own), own
    if how == "answer":
        n_prompt = fork(model, prompt).n_prompt
        ids = encode(model.tokenizer, prompt.prompt + prompt.own)
    bos = ids[0] == model.tokenizer.bos_token_id
    every = range(min(int(bos), n_prompt - 1), n_prompt)
    at: Sequence[int] = every
    if how == "concept":
        at = (concept_at(model.tokenizer, prompt, own),)
    elif how in ("last", "answer"):
        at = (n_prompt - 1,) if how == "last" else range(n_prompt, len(ids))
    return Reading(prompt, tuple(ids), n_prompt, how, tuple(at), bos)


def fork(model: "mt.Model", prompt: Prompt) -> Answers:
    """Both answers tokenised with the prompt."""
    return model.answers(prompt.prompt, prompt.correct, prompt.misconception)


@dataclass(frozen=True, eq=False)
class Batch:
    """One layer's activations and features "token ..." of some prompts, token after token."""

    layer: int
    states: Tensor
    features: Tensor
    ordinary: Tensor
    """Which tokens are not BOS, whose state is like no other's."""
    prompt: Tensor
    """The number, within the batch, of the prompt that each token is of."""
    n: int
    """How many prompts."""


def encoded(
    model: "mt.Model",
    read: Sequence[Reading],
    dictionaries: "dict[int, Dictionary]",
    max_rows: int,
) -> Iterator[Batch]:
    """Batches of prompts at every layer; one forward pass serves all layers."""
    sites = {layer: site_of(dictionary) for layer, dictionary in dictionaries.items()}
    for start in range(0, len(read), max_rows):
        rows = [one.ids for one in read[start : start + max_rows]]
        run = model.run(rows, read=list(sites.values()), logits="last")
        mask = run.tokens.mask
        ordinary = run.tokens.ids[mask] != model.tokenizer.bos_token_id
        prompt = mask.nonzero()[:, 0]
        for layer, site in sites.items():
            x = run[site][mask].float()
            features = dictionaries[layer].to(x.device).encode(x)
            places = ordinary.to(x.device), prompt.to(x.device)
            yield Batch(layer, x, features, *places, len(rows))


def site_of(dictionary: "Dictionary") -> "mt.Site":
    """The site it reads; InputError where it does not say."""
    if dictionary.site_in is None:
        raise InputError(f"{dictionary.origin.source} does not say which site it reads.")
    return dictionary.site_in


@dataclass(frozen=True, eq=False)
class Read:
    """Codes of all tokens of some prompts at one layer, and how well they explain these."""

    codes: Codes
    d_dict: int
    fit: Fit

    def pooled(self, read: Sequence[Reading]) -> Floats:
        """Activations "prompt d_dict" where each prompt is read; one way of reading per call."""
        return by_reading(
            self.codes, self.d_dict, [len(r.ids) for r in read], [r.at for r in read],
            [r.how for r in read],
        )  # fmt: skip


def by_reading(
    codes: Codes,
    d_dict: int,
    lengths: Sequence[int],
    at: Sequence[Sequence[int]],
    how: Sequence[str],
) -> Floats:
    """`pooled` where prompts may be read in different ways."""
    mean = pooled(codes, d_dict, lengths, at, "mean")
    largest = np.array([one == "max" for one in how])
    if largest.any():
        mean[largest] = pooled(codes, d_dict, lengths, at, "max")[largest]
    return mean


def read_codes(
    model: "mt.Model",
    read: Sequence[Reading],
    dictionaries: "dict[int, Dictionary]",
    max_rows: int,
) -> dict[int, Read]:
    """Codes of every token at every layer; one forward pass per batch serves all layers."""
    parts: dict[int, list[Codes]] = {layer: [] for layer in dictionaries}
    fits: dict[int, list[Fit]] = {layer: [] for layer in dictionaries}
    with torch.no_grad():
        for batch in encoded(model, read, dictionaries, max_rows):
            dictionary = dictionaries[batch.layer].to(batch.states.device)
            parts[batch.layer].append(Codes.of(batch.features.cpu().numpy()))
            fits[batch.layer].append(_fit(batch, dictionary))
    return {
        n: Read(Codes.joined(parts[n]), own.d_dict, Fit.joined(fits[n]))
        for n, own in dictionaries.items()
    }


def _fit(batch: Batch, dictionary: "Dictionary") -> Fit:
    """How well a batch is explained."""
    x, features, kept = batch.states, batch.features, batch.ordinary
    rest = None
    if dictionary.site_in == dictionary.site_out:
        rest = (x - dictionary.decode(features, x))[kept]
    return Fit.of(batch.prompt[kept], x[kept], features[kept], rest, batch.n)
