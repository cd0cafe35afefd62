"""What an answer needs: its probability with attention cut, or with MLPs at a key averaged out.

    A'(q, k) = 0 for every key k of the cut words and every later query q, in all layers and heads

In plain transformers, many prompts at a time; `mt.knock_out` gives the same numbers one prompt at a
time (tested), and what is measured here does not rest on the instrument.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

Span = tuple[int, int]
"""First character and end of the words whose reading is cut."""


@dataclass(frozen=True)
class Batch:
    """Prompts with their answers, padded on the right.

    ids: "row pos"; answer: positions of the answer's tokens, per row; cut: "row pos", the tokens
    of the spans.
    """

    ids: Tensor
    answer: tuple[range, ...]
    cut: Tensor


def batch_of(
    tokenizer: Any, pairs: Sequence[tuple[str, str]], spans: Sequence[Sequence[Span]]
) -> Batch:
    """Prompts and answers, tokenised jointly, with the tokens of the spans of each prompt."""
    whole = tokenizer([p + a for p, a in pairs], return_offsets_mapping=True)
    prompts = tokenizer([p for p, _ in pairs])["input_ids"]
    width = max(map(len, whole["input_ids"]))
    ids = torch.full((len(pairs), width), tokenizer.pad_token_id)
    cut = torch.zeros(len(pairs), width, dtype=torch.bool)
    for row, (tokens, offsets) in enumerate(
        zip(whole["input_ids"], whole["offset_mapping"], strict=True)
    ):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        for start, end in spans[row]:
            for at, (first, last) in enumerate(offsets):
                cut[row, at] |= first < end and last > start
    answer = tuple(range(len(p), len(w)) for p, w in zip(prompts, whole["input_ids"], strict=True))
    return Batch(ids, answer, cut)


def _masks(batch: Batch, window: int, blocked: bool) -> dict[str, Tensor]:
    """Additive masks "row 1 query key" of both kinds of layer."""
    n = batch.ids.shape[1]
    query, key = torch.arange(n)[:, None], torch.arange(n)[None]
    seen = (key <= query)[None].expand(len(batch.ids), n, n)
    if blocked:
        behind = query[None] > _block_end(batch.cut)[:, None, :]
        seen = seen & ~(batch.cut[:, None, :] & behind)
    near = (query - key < window)[None]
    lowest = torch.finfo(torch.float32).min
    return {
        name: torch.zeros(1).where(mask, torch.tensor(lowest))[:, None]
        for name, mask in (("full_attention", seen), ("sliding_attention", seen & near))
    }


def _block_end(cut: Tensor) -> Tensor:
    """Last position of the run of cut tokens that each cut token is in: "row pos"."""
    n = cut.shape[1]
    ends = torch.where(cut & ~torch.nn.functional.pad(cut[:, 1:], (0, 1)), torch.arange(n), n)
    return ends.flip(1).cummin(1).values.flip(1)


@torch.no_grad()
def probabilities(
    model: Any,
    tokenizer: Any,
    pairs: Sequence[tuple[str, str]],
    spans: Sequence[Sequence[Span]] | None = None,
    among: Sequence[Sequence[str]] | None = None,
    rows: int = 64,
) -> Tensor:
    """P(answer | prompt), all its tokens; with the spans hidden from every later token: [pair].

    `among` has the alternatives of each pair, one token each (the answer is one of them): then it
    is P(answer | prompt, one of them follows), in which the chance of a lead before it has no part.
    """
    found: list[float] = []
    for start in range(0, len(pairs), rows):
        some = slice(start, start + rows)
        hidden = [()] * len(pairs[some]) if spans is None else spans[some]
        batch = batch_of(tokenizer, pairs[some], hidden)
        masks = _masks(batch, model.config.sliding_window, spans is not None)
        logits = model(input_ids=batch.ids, attention_mask=masks, use_cache=False).logits
        logp = logits.float().log_softmax(-1)
        for row, places in enumerate(batch.answer):
            total = sum(float(logp[row, t - 1, batch.ids[row, t]]) for t in places)
            if among is not None:
                others = _tokens(tokenizer, among[start + row])
                total -= float(logp[row, places[0] - 1, others].logsumexp(0))
            found.append(math.exp(total))
    return torch.tensor(found)


def _tokens(tokenizer: Any, words: Sequence[str]) -> list[int]:
    """The ids of words that are one token each."""
    ids = tokenizer(list(words), add_special_tokens=False)["input_ids"]
    assert all(len(one) == 1 for one in ids), "alternatives are single tokens"
    return [one[0] for one in ids]


@torch.no_grad()
def without_mlps(
    model: Any, tokenizer: Any, pairs: Sequence[tuple[str, str]], keys: Sequence[Span]
) -> Tensor:
    """P(answer) when every MLP, at the tokens of the key, writes its mean over all these tokens."""
    batch = batch_of(tokenizer, pairs, [[key] for key in keys])
    masks = _masks(batch, model.config.sliding_window, False)
    with _averaged(model, batch.cut):
        logits = model(input_ids=batch.ids, attention_mask=masks, use_cache=False).logits
    logp = logits.float().log_softmax(-1)
    return torch.tensor([
        math.exp(sum(float(logp[row, t - 1, batch.ids[row, t]]) for t in places))
        for row, places in enumerate(batch.answer)
    ])  # fmt: skip


@contextmanager
def _averaged(model: Any, at: Tensor) -> Iterator[None]:
    """Every MLP's write, after its post-norm, is its mean at the chosen tokens."""

    def hook(module: Any, args: Any, out: Tensor) -> Tensor:
        chosen = at[:, : out.shape[1], None]
        return torch.where(chosen, out[at].mean(0), out)

    with ExitStack() as stack:
        for layer in model.model.layers:
            handle = layer.post_feedforward_layernorm.register_forward_hook(hook)
            stack.callback(handle.remove)
        yield
