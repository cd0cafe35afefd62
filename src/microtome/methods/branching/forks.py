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

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.methods.branching.baseline import Baseline
from microtome.methods.branching.choices import Choice
from microtome.methods.branching.rejoin import Rejoin, rejoin
from microtome.model.sampling import Pooling, Samples, continue_greedily, sample

NO_NOISE = 1e-3
"""Continuations nearer to each other than this share of the states' size count as one."""


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
