"""What a model nearly said: the two likeliest tokens of a step.

Equal logits go to the lower id, as greedy decoding takes them, so the difference
logit(top 1) − logit(top 2) is never negative and is 0 exactly on a tie.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from microtome.model.model import Model

AT_ONCE = 64
"""Positions unembedded at once: all logits of a long text would outweigh everything else."""


@dataclass(frozen=True)
class Choice:
    """Ids, logits (soft-capped) and probabilities at T = 1 of the two likeliest tokens.

    `entropy` is that of the whole distribution, in nats.
    """

    ids: tuple[int, int]
    logits: tuple[float, float]
    probabilities: tuple[float, float]
    entropy: float

    @property
    def logit_difference(self) -> float:
        """logit(top 1) − logit(top 2), never negative."""
        return self.logits[0] - self.logits[1]


def top_two(logits: Float[Tensor, "row vocab"]) -> Int[Tensor, "row 2"]:
    """Ids of the two largest logits, the lower id first among equals."""
    # torch.topk leaves the order of ties open; argmax takes the first.
    first = logits.argmax(-1)
    second = logits.scatter(-1, first[:, None], -torch.inf).argmax(-1)
    return torch.stack([first, second], -1)


def choices(logits: Float[Tensor, "row vocab"]) -> list[Choice]:
    """The choice of every row."""
    log_p = logits.double().log_softmax(-1)
    p = log_p.exp()
    ids = top_two(logits)
    columns = [
        ids,
        logits.double().gather(-1, ids),
        p.gather(-1, ids),
        -torch.xlogy(p, p).sum(-1),
    ]
    return [
        Choice((i[0], i[1]), (x[0], x[1]), (q[0], q[1]), entropy)
        for i, x, q, entropy in zip(*(c.tolist() for c in columns), strict=True)
    ]


def choices_at(model: Model, resid: Float[Tensor, "step d_model"]) -> list[Choice]:
    """The choice after each of these last-layer states."""
    return [one for part in resid.split(AT_ONCE) for one in choices(model.unembed(part))]
