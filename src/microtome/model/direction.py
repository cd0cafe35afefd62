"""A labelled vector in one of three spaces: what every study asks its questions along.

`unembedding`: a row combination of W_U, read through the final norm (a logit difference);
`residual`: a vector added to or read from the residual stream; `whitened`: a concept vector in
the causal inner product's coordinates. A method states which space it takes and refuses others.
"""

from dataclasses import dataclass, field
from typing import Literal

from jaxtyping import Float
from torch import Tensor

from microtome.errors import InputError


def shown(given: object) -> str:
    """What was given, short enough for a sentence."""
    text = repr(given)
    return text if len(text) <= 40 else f"a {type(given).__name__}"


Space = Literal["residual", "unembedding", "whitened"]


@dataclass(frozen=True, eq=False)
class Direction:
    """A direction of shape [d_model].

    `tokens` are the ids (plus, minus) whose unembedding rows it subtracts and `bias` the same
    difference of lm_head's bias, both only in the unembedding space.
    """

    vector: Float[Tensor, " d_model"]
    space: Space
    label: str
    tokens: tuple[int, ...] = ()
    bias: float = field(default=0.0)

    @staticmethod
    def demand(given: object, space: Space, method: str) -> None:
        """Refuse what is no direction, or one of another space, in one sentence."""
        if not isinstance(given, Direction):
            raise InputError(
                f"{method} reads along a direction, and got {shown(given)}; build one, for example "
                f"model.direction(' yes', minus=' no')."
            )
        given.require(space, method)

    def require(self, space: Space, method: str) -> None:
        """Refuse a direction of another space, in one sentence."""
        if self.space != space:
            raise InputError(
                f"{method} takes a direction in {space} space and {self.label!r} is in "
                f"{self.space} space; build one with model.direction(...)."
            )
