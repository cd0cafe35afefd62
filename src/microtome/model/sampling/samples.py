"""Completions as values: token ids first, never re-tokenised text."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from microtome.errors import InputError
from microtome.model.sampling.draw import Choice
from microtome.model.sampling.pooling import Pools


@dataclass(frozen=True, eq=False)
class Samples:
    """n completions of one prompt.

    Row i continues `prompt_ids` + `prefixes[i]`; `completions` are the generated ids without the
    EOS that `finished` tells of. Tensors are on the CPU; "n step" hold NaN (ids: -1) past the end.
    `log_probs` are the model's own at temperature 1, `sampling_log_probs` those of the
    distribution that was sampled. `entropy` (nats), `top2_ids` and `top2_p` are there if
    `top2=True` was asked.
    """

    prompt_ids: tuple[int, ...]
    prefixes: tuple[tuple[int, ...], ...]
    completions: tuple[tuple[int, ...], ...]
    finished: tuple[bool, ...]
    log_probs: Float[Tensor, "n step"] = field(repr=False)
    sampling_log_probs: Float[Tensor, "n step"] = field(repr=False)
    tokenizer: Any = field(repr=False)
    pools: Pools | None = field(default=None, repr=False)
    entropy: Float[Tensor, "n step"] | None = field(default=None, repr=False)
    top2_ids: Int[Tensor, "n step 2"] | None = field(default=None, repr=False)
    top2_p: Float[Tensor, "n step 2"] | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.completions)

    @property
    def forced(self) -> tuple[int, ...]:
        """The ids forced between prompt and completion, where all rows share them."""
        if len(set(self.prefixes)) != 1:
            raise InputError("These completions follow several prefixes; see .prefixes.")
        return self.prefixes[0]

    @property
    def lengths(self) -> tuple[int, ...]:
        """Generated tokens of each completion, EOS not counted."""
        return tuple(map(len, self.completions))

    def text(self, row: int) -> str:
        """A completion as text, special tokens shown."""
        return str(self.tokenizer.decode(list(self.completions[row])))

    def tokens(self, row: int) -> list[str]:
        """A completion's tokens, each decoded alone."""
        return [str(self.tokenizer.decode([i])) for i in self.completions[row]]

    def latents(
        self, checkpoint: int, rows: Sequence[int] | None = None
    ) -> Float[Tensor, "site n d_model"]:
        """Mean states over S up to the checkpoint; StrideError if a completion has none."""
        return self._pooled().latents(checkpoint, rows)

    def halves(
        self, checkpoint: int, rows: Sequence[int] | None = None
    ) -> tuple[Float[Tensor, "site n d_model"], Float[Tensor, "site n d_model"]]:
        """The same over the odd and over the even members of S."""
        return self._pooled().halves(checkpoint, rows)

    def counts(self, checkpoint: int) -> Int[Tensor, " n"]:
        """How many tokens each latent averages."""
        return self._pooled().counts(checkpoint)

    def alive(self, checkpoint: int) -> Bool[Tensor, " n"]:
        """Which completions reached the checkpoint."""
        return self._pooled().alive(checkpoint)

    def _pooled(self) -> Pools:
        if self.pools is None:
            raise InputError("No states were pooled here; ask for them with pooling=Pooling(...).")
        return self.pools


class Record:
    """What is known of n completions while they grow: tensors "n step" on the CPU."""

    def __init__(self, n: int, steps: int, top2: bool) -> None:
        self.ids = torch.full((n, steps), -1, dtype=torch.long)
        self.lengths = torch.full((n,), steps)
        self.finished = torch.zeros(n, dtype=torch.bool)
        names = ["log_probs", "sampling_log_probs", *(["entropy"] if top2 else [])]
        self.values = {name: torch.full((n, steps), float("nan")) for name in names}
        if top2:
            self.values["top2_ids"] = torch.full((n, steps, 2), -1, dtype=torch.long)
            self.values["top2_p"] = torch.full((n, steps, 2), float("nan"))

    def write(self, rows: Tensor | int, step: int | slice, choice: Choice) -> None:
        """Note one step of several rows, or several steps of one."""
        self.ids[rows, step] = choice.ids.cpu()
        for name, values in self.values.items():
            values[rows, step] = getattr(choice, name).cpu()

    def end(self, rows: Tensor | int, step: int) -> None:
        """These rows end at `step`: their completion ends before it."""
        self.lengths[rows] = step
        self.finished[rows] = True

    def forget(self, rows: Int[Tensor, " row"]) -> None:
        """These rows are begun anew."""
        self.lengths[rows] = self.ids.shape[1]
        self.finished[rows] = False

    def columns(self) -> dict[str, Tensor]:
        """The values, cut to the longest completion and blank past each one's end."""
        longest = int(self.lengths.max())
        past = torch.arange(longest)[None] >= self.lengths[:, None]
        blank = {name: -1 if name == "top2_ids" else float("nan") for name in self.values}
        kept = {name: values[:, :longest].clone() for name, values in self.values.items()}
        for name, values in kept.items():
            values[past] = blank[name]
        return kept

    def completions(self) -> tuple[tuple[int, ...], ...]:
        lengths = self.lengths.tolist()
        return tuple(tuple(row[:t]) for row, t in zip(self.ids.tolist(), lengths, strict=True))
