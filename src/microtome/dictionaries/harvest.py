"""Activations of texts, token by token: what dictionaries learn from.

BOS, padding and attention sinks are left out and counted: sinks are tokens whose activation is
more than ten times as long as the block's median at any of the sites (Sun et al. 2024, "Massive
activations"). The forward pass stops after the last site.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from microtome.dictionaries.finite import not_finite
from microtome.errors import ConfigError, InputError, NumericsError
from microtome.model.model import Model
from microtome.model.partial import read_only
from microtome.model.site import Site
from microtome.model.tokens import encode

SINK = 10.0
"""Times the median length beyond which a token counts as an attention sink."""
PASS_TOKENS = 8192
"""Tokens of one forward pass, padding included."""
Rows = Sequence[Sequence[int]]


@dataclass(frozen=True, eq=False)
class Block:
    """Aligned activations of some texts, and how many tokens were left out."""

    values: Mapping[Site, Float[Tensor, "tokens d"]]
    tokens: int
    bos: int = 0
    sinks: int = 0


def single_sites(model: Model, sites: Sequence[Site]) -> tuple[Site, ...]:
    """Every single site that these name, each once."""
    found = dict.fromkeys(s for site in sites for s in site.expand(model.parts.sizes))
    if not found:
        raise InputError("No site was named; give at least one, such as resid_post[2].")
    return tuple(found)


def windows(model: Model, texts: Sequence[str] | Rows, context: int | None) -> list[list[int]]:
    """Token ids of texts, cut to at most `context` tokens; later pieces begin with BOS too."""
    room = context or int(getattr(model.parts.config, "max_position_embeddings", 1024))
    if room < 2:
        raise ConfigError(f"context={context} was asked for; a window has at least 2 tokens.")
    if not len(texts):
        raise InputError("No text was given; give at least one.")
    found: list[list[int]] = []
    for text in texts:
        ids = encode(model.tokenizer, text) if isinstance(text, str) else [int(i) for i in text]
        bos = ids[:1] if ids[:1] == [model.tokenizer.bos_token_id] else []
        body = ids[len(bos) :]
        step = room - len(bos)
        found += [bos + body[i : i + step] for i in range(0, max(1, len(body)), step)]
    return found


def harvest(
    model: Model, rows: Rows, sites: Sequence[Site], numbers: Sequence[int] | None = None
) -> Block:
    """Activations at every kept token of some rows; the rows of shorter texts come first.

    NumericsError names the first token whose activation is not finite, its row by `numbers`.
    """
    numbers = range(len(rows)) if numbers is None else numbers
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    caught: dict[Site, list[Tensor]] = {site: [] for site in sites}
    total = bos = 0
    done = 0
    for chunk in _passes([rows[i] for i in order]):
        own, done = order[done : done + len(chunk)], done + len(chunk)
        tokens = model.tokenize(chunk)
        kept = tokens.mask & (tokens.ids != _bos(model))
        total += int(tokens.mask.sum())
        bos += int(tokens.mask.sum() - kept.sum())
        for site, value in read_only(model, tokens, sites).items():
            caught[site].append(value[kept.to(value.device)])
            if (found := not_finite(caught[site][-1])) is not None:
                at, position = kept.nonzero()[found[0]].tolist()
                where = _token(model, chunk[at], position, numbers[own[at]])
                raise NumericsError(
                    f"The activation at {site} of {where} is {found[1]}; leave that text out, or "
                    f"load the model in another dtype than {model.parts.hf.dtype}."
                )
    values = {site: torch.cat(parts) for site, parts in caught.items()}
    ordinary = _ordinary(values)
    sinks = int((~ordinary).sum())
    if sinks:
        values = {site: value[ordinary.to(value.device)] for site, value in values.items()}
    return Block(values, total - bos - sinks, bos, sinks)


def _token(model: Model, row: Sequence[int], position: int, number: int) -> str:
    """A token in words: its place, itself, and how its text begins."""
    token, start = (model.tokenizer.decode(ids) for ids in ([row[position]], row[:12]))
    return f"token {position} ({token!r}) of text window {number} (which begins {start!r})"


def _bos(model: Model) -> int:
    found = model.tokenizer.bos_token_id
    return -1 if found is None else int(found)


def _passes(rows: Rows) -> Iterator[list[list[int]]]:
    """Rows in batches of at most PASS_TOKENS, padding included; rows come sorted by length."""
    batch: list[list[int]] = []
    for row in rows:
        if batch and len(row) * (len(batch) + 1) > PASS_TOKENS:
            yield batch
            batch = []
        batch.append(list(row))
    if batch:
        yield batch


def _ordinary(values: Mapping[Site, Tensor]) -> Bool[Tensor, " tokens"]:
    """Which tokens are no attention sink at any site."""
    found = []
    for value in values.values():
        length = value.float().norm(dim=-1)
        found.append((length <= SINK * length.median()).cpu() if len(length) else length > 0)
    return torch.stack(found).all(0)
