"""A batch of token ids with its mask: real tokens are told from padding once, here.

Positions are counted over the real tokens of each row, so the same position means the same token
whether the batch is padded on the left, on the right or not at all.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from microtome.errors import PromptError


@dataclass(frozen=True, eq=False)
class Tokens:
    """Token ids "batch pos" and the mask of real tokens."""

    ids: Int[Tensor, "batch pos"]
    mask: Bool[Tensor, "batch pos"]

    def __post_init__(self) -> None:
        mask = self.mask.long()
        starts = mask[:, :1].sum(-1) + (mask.diff() == 1).sum(-1)
        if wrong := torch.nonzero(starts != 1).flatten().tolist():
            raise PromptError(
                f"Prompt {wrong[0] + 1} has no tokens, or padding between them; give it at least "
                f"one, and padding at one end only."
            )

    @property
    def position_ids(self) -> Int[Tensor, "batch pos"]:
        """Positions counted over real tokens; padding gets 0."""
        return (self.mask.long().cumsum(-1) - 1).clamp(min=0)

    @property
    def lengths(self) -> Int[Tensor, " batch"]:
        return self.mask.sum(-1)

    @property
    def first(self) -> Int[Tensor, " batch"]:
        """Column of each row's first real token."""
        return self.mask.long().argmax(-1)

    @property
    def last(self) -> Int[Tensor, " batch"]:
        """Column of each row's last real token."""
        return self.first + self.lengths - 1

    def select(
        self, positions: tuple[int, ...] | None, rows: tuple[int, ...] | None
    ) -> Bool[Tensor, "batch pos"]:
        """The mask of the entries that positions (None: all real tokens) and rows name."""
        chosen = self.mask.clone()
        if positions is not None:
            chosen = torch.zeros_like(self.mask)
            for row, (first, length) in enumerate(zip(self.first, self.lengths, strict=True)):
                for position in positions:
                    chosen[row, int(first) + within(position, int(length))] = True
        if rows is not None:
            kept = torch.zeros(len(self.mask), dtype=torch.bool, device=self.mask.device)
            kept[list(rows)] = True
            chosen &= kept[:, None]
        return chosen

    def of_last(self, x: Tensor) -> Tensor:
        """Entries of "batch pos ..." at each row's last real token: "batch ..."."""
        return x[torch.arange(len(x), device=x.device), self.last.to(x.device)]

    def repeat(self, times: int) -> "Tokens":
        """Every row `times` times, one after the other."""
        return Tokens(self.ids.repeat_interleave(times, 0), self.mask.repeat_interleave(times, 0))

    def to(self, device: torch.device) -> "Tokens":
        return Tokens(self.ids.to(device), self.mask.to(device))


def within(position: int, length: int) -> int:
    """A position counted from the start of a prompt of `length` tokens; PromptError if outside."""
    if not -length <= position < length:
        raise PromptError(
            f"Position {position} was asked for in a prompt of {length} tokens; "
            f"use 0 to {length - 1}, or negative numbers from the end."
        )
    return position % length


def stack(rows: Sequence[Sequence[int]], pad: int, left: bool = False) -> Tokens:
    """Rows of ids as one batch, padded with `pad` on the right (or left)."""
    width = max(map(len, rows))
    ids = torch.full((len(rows), width), pad, dtype=torch.long)
    mask = torch.zeros((len(rows), width), dtype=torch.bool)
    for i, row in enumerate(rows):
        span = slice(width - len(row), width) if left else slice(0, len(row))
        ids[i, span] = torch.tensor(row, dtype=torch.long)
        mask[i, span] = True
    return Tokens(ids, mask)


def encode(tokenizer: Any, text: str, *, chat: bool = False) -> list[int]:
    """Ids of one prompt, with the tokenizer's own BOS; PromptError if it is empty."""
    if not text.strip():
        raise PromptError("A prompt is empty; give it at least one word.")
    if not chat:
        return list(tokenizer(text, add_special_tokens=True, verbose=False)["input_ids"])
    if not getattr(tokenizer, "chat_template", None):
        raise PromptError("chat=True was asked and this tokenizer has no chat template.")
    turn = [{"role": "user", "content": text}]
    rendered = tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
    return list(tokenizer(rendered, add_special_tokens=False)["input_ids"])
