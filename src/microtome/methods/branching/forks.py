"""Where one token changes everything: a greedy solution, its forks, and how far they lead.

    D(t) = |z_baseline[t:t+M] − z_forced[t:t+M]|      per layer

At step t the second likeliest token is forced instead of the likeliest, and both go on greedily;
z averages every k-th state of the M tokens from the forked one on, each branch over its own.
`spread` is the root of the pair's term in the law of total variance,
Tr Var(E[z | token]) = Σ_{i<j} p_i p_j |z_i − z_j|²: what this choice adds to the spread of samples.
D alone is largest where an impossible token wrecks the text, which no sample ever does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.errors import InputError
from microtome.methods.branching.choices import Choice, choices_at
from microtome.methods.branching.rejoin import Rejoin, rejoin
from microtome.model.model import Model
from microtome.model.sampling import Pooling, Samples, continue_greedily, sample
from microtome.model.site import Site, resid_post

Where = Literal["interval", "entropy"]
NO_NOISE = 1e-3
"""Continuations nearer to each other than this share of the states' size count as one."""


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


@dataclass(frozen=True, eq=False)
class Fork:
    """What forcing `token` at `step` leads to: its branch's ids, the forced one first.

    `divergence` is D(t) "layer", None where a branch is too short for z; `noise` the median
    distance "layer" between independent continuations from the same prefix, None unless asked.
    `log_probs` are the model's own of the branch's tokens.
    """

    step: int
    token: int
    choice: Choice
    branch: tuple[int, ...]
    finished: bool
    log_probs: tuple[float, ...]
    divergence: Float[Tensor, " layer"] | None
    noise: Float[Tensor, " layer"] | None
    size: Float[Tensor, " layer"]
    rejoined: Rejoin | None

    @property
    def scaled(self) -> float | None:
        """D(t) in units of the states' size, mean over layers."""
        return None if self.divergence is None else float((self.divergence / self.size).mean())

    @property
    def relative(self) -> float | None:
        """D(t) over the noise, mean over layers; None where sampling shows no noise at all."""
        if self.divergence is None or self.noise is None:
            return None
        if bool((self.noise < NO_NOISE * self.size).any()):
            return None
        return float((self.divergence / self.noise).mean())

    @property
    def spread(self) -> float | None:
        """√(p1 p2) · D(t), in units of the states' size."""
        first, second = self.choice.probabilities
        return None if self.scaled is None else (first * second) ** 0.5 * self.scaled


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


def fork(
    baseline: Baseline,
    points: Sequence[int],
    *,
    tokens: Sequence[int] | None = None,
    finish: bool = True,
    continuations: int = 0,
    seed: int = 42,
    batch: int | None = None,
) -> list[Fork]:
    """Force the second likeliest token (or `tokens`) at each point and go on greedily.

    `finish` lets branches go on as long as the baseline might have, so that their answers can be
    read; z averages their first `span` tokens all the same. `continuations` samples at T = 1 from
    each prefix give the noise.
    """
    if not points:
        return []
    forced = [baseline.other(t) for t in points] if tokens is None else list(tokens)
    steps = _steps(baseline, points, finish)
    pooling = Pooling(baseline.sites, baseline.stride, (min(baseline.span, steps),))
    found = continue_greedily(
        baseline.model, baseline.prompt_ids, [baseline.ids[:t] for t in points],
        first=forced, max_new_tokens=steps, pooling=pooling, batch=batch,
    )  # fmt: skip
    size = baseline.size
    latents = _latents(found, pooling)
    forks = []
    for row, (t, token) in enumerate(zip(points, forced, strict=True)):
        here, there = baseline.latent(t), latents[row]
        apart = None if here is None or there is None else (here - there).norm(dim=-1)
        ids, ended = found.completions[row], found.finished[row]
        forks.append(
            Fork(
                t, token, baseline.choices[t], ids, ended,
                tuple(found.log_probs[row, : len(ids)].tolist()), apart,
                _noise(baseline, t, pooling, continuations, seed), size,
                rejoin(ids, ended, baseline.ids[t:], baseline.finished),
            )
        )  # fmt: skip
    return forks


def _steps(baseline: Baseline, points: Sequence[int], finish: bool) -> int:
    """Tokens of a branch: those of z, or all that the solution may have, as the context allows."""
    whole = baseline.limit + baseline.span
    wanted = max(baseline.span, whole - min(points)) if finish else baseline.span
    room = getattr(baseline.model.parts.config, "max_position_embeddings", None)
    return wanted if room is None else min(wanted, room - len(baseline.before(max(points))))


def _latents(found: Samples, pooling: Pooling) -> list[Tensor | None]:
    """z of every row "layer d_model"; None where a row is too short for one."""
    (span,) = pooling.checkpoints
    long_enough = [row for row, n in enumerate(found.counts(span).tolist()) if n]
    latents: list[Tensor | None] = [None] * len(found)
    if long_enough:
        pooled = found.latents(span, long_enough)
        for at, row in enumerate(long_enough):
            latents[row] = pooled[:, at]
    return latents


def _noise(
    baseline: Baseline, step: int, pooling: Pooling, count: int, seed: int
) -> Float[Tensor, " layer"] | None:
    """Median distance between samples from one prefix; None below two long enough for z."""
    if count < 2:
        return None
    found = sample(
        baseline.model, baseline.before(step), n=count, temperature=1.0,
        max_new_tokens=pooling.checkpoints[0], seed=seed + step, pooling=pooling,
    )  # fmt: skip
    there = [one for one in _latents(found, pooling) if one is not None]
    if len(there) < 2:
        return None
    apart = torch.stack([(a - b).norm(dim=-1) for a, b in combinations(there, 2)])
    return apart.quantile(0.5, dim=0)
