"""A transcoder predicts an MLP's contribution from the MLP's input (Dunefsky et al. 2024).

It reads `mlp_in` (or `mlp_normed`, GemmaScope's transcoders) and writes `mlp_out`; a skip
transcoder adds a linear map of the input (Paulo et al. 2025). A feature is removed from the
output site, and the MLP's own computation stays.
"""

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from microtome.dictionaries.sae import SAE


@dataclass(frozen=True, eq=False)
class Transcoder(SAE):
    """y ≈ f W_dec + b_dec (+ W_skip x); `w_skip` is None without a skip."""

    w_skip: Float[Tensor, "d_out d_in"] | None = None

    @property
    def noun(self) -> str:
        return "transcoder" if self.w_skip is None else "skip transcoder"

    def tensors(self) -> dict[str, Tensor]:
        skip = {} if self.w_skip is None else {"w_skip": self.w_skip}
        return super().tensors() | skip

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        return super()._shapes() | {"w_skip": (self.w_dec.shape[1], self.w_enc.shape[1])}

    def decode(
        self, f: Float[Tensor, "*batch d_dict"], x: Float[Tensor, "*batch d_in"]
    ) -> Float[Tensor, "*batch d_out"]:
        if self.w_skip is None:
            return super().decode(f, x)
        scale, shift = self.norm.of(x.float())
        skip = self._normed(x) @ self.w_skip.float().T
        return scale * (f @ self.w_dec.float() + skip + self.b_dec.float()) + shift
