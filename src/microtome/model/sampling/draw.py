"""How the next token is chosen, and how probable it was.

Token = inverse CDF of p(token)^(1/T) at a uniform number that depends on (seed, sample, step)
alone, so sample i is the same whatever else is sampled beside it (up to rounding of the logits,
which moves a draw only when it falls on the edge between two tokens). T = 0 is the most probable
token. `top_k` and `top_p` are off unless asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import TopKLogitsWarper, TopPLogitsWarper

from microtome.errors import InputError
from microtome.model.numbers import seed_of


@dataclass(frozen=True)
class Rule:
    """Temperature and truncation of the distribution that is sampled."""

    temperature: float
    top_k: int = 0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.temperature < float("inf"):
            raise InputError(f"Temperature {self.temperature} is not usable; use 0 or more.")
        if self.top_k < 0:
            raise InputError(f"top_k={self.top_k} is not usable; use 0 (off) or a count of tokens.")
        if not 0 < self.top_p <= 1:
            raise InputError(f"top_p={self.top_p} is not usable; use 1.0 (off) or less, above 0.")

    @property
    def plain(self) -> bool:
        """Whether the model's own distribution is sampled."""
        return self.temperature == 1 and not self.top_k and self.top_p == 1

    def log_p(self, logits: Float[Tensor, "row vocab"]) -> Float[Tensor, "row vocab"]:
        """Log-probabilities that are sampled (temperature above 0)."""
        scores = logits / self.temperature
        if self.top_k:
            scores = TopKLogitsWarper(self.top_k)(None, scores)
        if self.top_p < 1:
            scores = TopPLogitsWarper(self.top_p)(None, scores)
        return scores.log_softmax(-1)


@dataclass(frozen=True, eq=False)
class Choice:
    """One token for each row, its log-probabilities, and (if asked) what else was probable."""

    ids: Int[Tensor, " row"]
    log_probs: Float[Tensor, " row"]
    sampling_log_probs: Float[Tensor, " row"]
    entropy: Float[Tensor, " row"] | None = None
    top2_ids: Int[Tensor, "row 2"] | None = None
    top2_p: Float[Tensor, "row 2"] | None = None


def uniforms(seed: int, rows: Sequence[int], steps: int) -> Float[Tensor, "row step"]:
    """Uniform numbers in [0, 1), float64: row i's are a stream of its own."""
    number = seed_of(seed)
    streams = [np.random.default_rng([number, row]).random(steps) for row in rows]
    return torch.from_numpy(np.stack(streams))


def choose(
    logits: Float[Tensor, "row vocab"],
    rule: Rule,
    uniform: Float[Tensor, " row"] | None,
    given: Int[Tensor, " row"] | None = None,
    top2: bool = False,
) -> Choice:
    """The next token of each row; a `given` one is not sampled (its sampling log p is NaN)."""
    logits = logits.float()
    own = logits.log_softmax(-1)
    if given is not None:
        ids, sampled = given, torch.full_like(own[:, 0], float("nan"))
    elif rule.temperature == 0:
        ids = logits.topk(2, -1).indices[:, 0]
        sampled = torch.zeros_like(own[:, 0])
    else:
        assert uniform is not None
        log_p = own if rule.plain else rule.log_p(logits)
        ids = _inverse_cdf(log_p.exp(), uniform)
        sampled = _at(log_p, ids)
    extra = _shape_of(own, logits) if top2 else {}
    return Choice(ids, _at(own, ids), sampled, **extra)


def _inverse_cdf(
    p: Float[Tensor, "row vocab"], uniform: Float[Tensor, " row"]
) -> Int[Tensor, " row"]:
    """The first token whose cumulative probability exceeds uniform · total."""
    if p.device.type == "mps":
        # MPS has no float64, without which the last tokens of a large vocabulary lose their share.
        return _inverse_cdf(p.cpu(), uniform.cpu()).to(p.device)
    cumulative = p.cumsum(-1, dtype=torch.float64)
    target = uniform.to(cumulative)[:, None] * cumulative[:, -1:]
    return torch.searchsorted(cumulative, target, right=True)[:, 0]


def _at(values: Float[Tensor, "row vocab"], ids: Int[Tensor, " row"]) -> Float[Tensor, " row"]:
    return values.gather(-1, ids[:, None])[:, 0]


def _shape_of(
    log_p: Float[Tensor, "row vocab"], logits: Float[Tensor, "row vocab"]
) -> dict[str, Tensor]:
    """Entropy in nats, and the two most probable tokens (of the logits: ties fall as in greedy)."""
    top = logits.topk(2, -1).indices
    entropy = -torch.xlogy(log_p.exp(), log_p.exp()).sum(-1)
    return {"entropy": entropy, "top2_ids": top, "top2_p": log_p.gather(-1, top).exp()}
