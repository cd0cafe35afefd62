"""Logit lens: what each layer's residual stream would answer if it were the last.

    Δ_l = cap(W_U[plus]·norm(h_l)) − cap(W_U[minus]·norm(h_l))        h_l = resid_post[l]

with the final norm's own scale at h_l and the model's soft-cap (nostalgebraist 2020). The last
layer's readout must be the model's own logit difference: that is the audit.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.readout import delta_of_logits, delta_of_resid
from microtome.methods.result import Result
from microtome.model.direction import Direction, shown
from microtome.model.run import Run
from microtome.model.site import resid_post
from microtome.model.tolerance import tolerance

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Lens(Result):
    """Δ per layer at each row's last token; `names` are the answers (minus, plus)."""

    trajectory: Float[Tensor, "layer batch"]
    direction: Direction
    names: tuple[str, str]
    audit: tuple[Audit, ...]

    def statistics(self) -> list[dict[str, Any]]:
        """Per row: mean, std, final Δ and action, layers for each action, layers where it flips.

        The standard deviation is the population's over layers; a flip at layer l means that the
        sign at l differs from the sign at l − 1.
        """
        return [self._row(column) for column in self.trajectory.T]

    def table(self) -> "pandas.DataFrame":
        """One line per row of the batch and layer."""
        import pandas

        layers, batch = self.trajectory.shape
        return pandas.DataFrame(
            {
                "row": [b for _ in range(layers) for b in range(batch)],
                "layer": [layer for layer in range(layers) for _ in range(batch)],
                "delta": self.trajectory.flatten().tolist(),
            }
        )

    def _row(self, column: Tensor) -> dict[str, Any]:
        minus, plus = self.names
        second = column > 0
        flips = torch.nonzero(second[1:] != second[:-1]).flatten() + 1
        return {
            "mean_delta": float(column.mean()),
            "std_delta": float(column.std(unbiased=False)),
            "final_delta": float(column[-1]),
            "final_action": plus if bool(second[-1]) else minus,
            f"{minus}_layers": int((~second).sum()),
            f"{plus}_layers": int(second.sum()),
            "flip_layers": flips.tolist(),
        }


def logit_lens(
    run: Run, direction: Direction, *, names: tuple[str, str] = ("minus", "plus")
) -> Lens:
    """Δ of every layer at each row's last token, from a run that read `resid_post[:]`.

    `direction` is in unembedding space (`model.direction("2", minus="1")`).
    """
    Direction.demand(direction, "unembedding", "logit_lens")
    if not isinstance(run, Run):
        raise InputError(
            f"logit_lens reads a run, and got {shown(run)}; make one: "
            f"model.run(text, read=resid_post[:])."
        )
    states = run.last(resid_post[:])
    trajectory = delta_of_resid(run.model, states, direction, capped=True)
    audits = []
    if direction.tokens:
        own = delta_of_logits(run.final_logits, direction)
        # A rounded logit is off by a share of the logit, however small a difference of two is.
        gap = float((trajectory[-1] - own).abs().max() / run.final_logits.abs().max())
        bound = tolerance(states.dtype)
        audits.append(Audit("last layer's lens = the model's Δ", gap, bound))
    return Lens(trajectory, direction, names, tuple(audits))
