"""A greedy solution and the steps at which it is branched.

At every step the two likeliest tokens are kept with their probabilities, and the residual states
of the solution, from which z of any stretch of it is averaged: every `stride`-th of `span` tokens,
counted from the stretch's first.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.errors import InputError
from microtome.methods.branching.choices import Choice, choices_at
from microtome.model.model import Model
from microtome.model.sampling import sample
from microtome.model.site import Site, resid_post

Where = Literal["interval", "entropy"]


@dataclass(frozen=True, eq=False)
class Baseline:
    """A greedy solution: generated ids, the choice made at each, and its residual states.

    `states` is "layer pos d_model" of the generated tokens alone; z takes every `stride`-th of
    `span` tokens.
    """

    model: Model
    prompt_ids: tuple[int, ...]
    ids: tuple[int, ...]
    finished: bool
    choices: tuple[Choice, ...]
    states: Float[Tensor, "layer pos d_model"]
    sites: tuple[Site, ...]
    stride: int
    span: int
    limit: int

    def latent(self, step: int) -> Float[Tensor, "layer d_model"] | None:
        """z of the tokens from `step` on; None where too few are left to take one."""
        last = min(step + self.span, len(self.ids))
        members = self.states[:, step + self.stride - 1 : last : self.stride]
        return members.float().mean(1) if members.shape[1] else None

    @property
    def size(self) -> Float[Tensor, " layer"]:
        """Root mean square length of the states: the unit of scaled distances."""
        return self.states.float().pow(2).sum(-1).mean(-1).sqrt()

    def other(self, step: int) -> int:
        """The likeliest token that the solution does not take at `step`."""
        first, second = self.choices[step].ids
        return first if second == self.ids[step] else second

    def before(self, step: int) -> tuple[int, ...]:
        """Prompt and solution up to `step`, which is not included."""
        return (*self.prompt_ids, *self.ids[:step])


def greedy(
    model: Model,
    prompt: str | Sequence[int],
    *,
    layers: Sequence[int] = (),
    stride: int,
    span: int,
    limit: int,
    chat: bool = False,
) -> Baseline:
    """The greedy solution of a prompt, and its states after `layers` (all when none is named).

    Forks are looked for in its first `limit` tokens; `span` more are generated, so that z of the
    last fork is whole. PromptError beyond the context; InputError when it ends at once.
    """
    if not 1 <= stride <= span:
        raise InputError(
            f"Every {stride}th of {span} tokens cannot be averaged; use a stride from 1 to {span}."
        )
    sites = tuple(
        single
        for n in layers or range(model.n_layers)
        for single in resid_post[n].expand(model.parts.sizes)
    )
    found = sample(model, prompt, n=1, temperature=0.0, max_new_tokens=limit + span, chat=chat)
    (ids,) = found.completions
    if not ids:
        raise InputError(
            f"{model.name} ends this prompt without a word, so nothing can fork; change the prompt."
        )
    last = resid_post[model.n_layers - 1]
    run = model.run([[*found.prompt_ids, *ids]], read=[*sites, last], logits="last")
    start = len(found.prompt_ids)
    states = torch.stack([run[site][0, start:].to(model.device) for site in sites])
    seen = choices_at(model, run[last][0, start - 1 : -1])
    return Baseline(
        model, found.prompt_ids, ids, found.finished[0], tuple(seen), states, sites, stride, span,
        limit,
    )  # fmt: skip


def branch_points(
    baseline: Baseline, interval: int, where: Where = "interval", min_entropy: float = 0.0
) -> tuple[int, ...]:
    """Steps at which to branch: 0, k, 2k, ... or as many steps of the highest entropy.

    Steps so near the end that the baseline has no z, or with entropy below `min_entropy`, are
    left out.
    """
    if interval < 1:
        raise InputError(f"An interval of {interval} tokens was asked; use 1 or more.")
    steps = range(min(len(baseline.ids) - baseline.stride + 1, baseline.limit))
    if where == "interval":
        chosen = list(steps[::interval])
    else:
        falling = sorted(steps, key=lambda t: (-baseline.choices[t].entropy, t))
        chosen = falling[: -(-len(steps) // interval)]
    return tuple(t for t in sorted(chosen) if baseline.choices[t].entropy >= min_entropy)
