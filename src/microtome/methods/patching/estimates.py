"""Attribution patching: the effect of every node from two runs and one gradient. An estimate.

    AtP(c) = Σ_pos <c_donor − c_receiver, ∂m/∂c>          m = Δ at the last token

The gradient is taken in the receiver's run (a first-order guess of m(receiver ← c) − m(receiver))
or in the donor's (of m(donor) − m(donor ← c)): nodes that feed a saturated softmax or a redundant
path show in one and not in the other, or in neither. Hence: screen, then verify exactly. A head
passes a post-norm with its scale held, which follows the exact effects better than the slope of
the moving scale (`post_norm="exact"`), where a head that fills the norm is cancelled. Nanda 2023,
"Attribution patching"; Kramár et al. 2024, arXiv 2403.00745.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.setting import Directions, Donor, Setting, setting, value_at
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import Site, attn_out

if TYPE_CHECKING:
    import pandas

Kind = Literal["atp_receiver", "atp_donor", "ig_inputs", "ig_activations"]
PostNorm = Literal["exact", "frozen"]
# Share of the difference to step by, and the bound on the slope's gap: half precision rounds the
# change of Δ that a small step makes away.
STEP = {torch.float32: (0.02, 0.02)}
COARSE = (0.5, 0.3)


@dataclass(frozen=True, eq=False)
class Estimate(Result):
    """Estimated (never measured) effects of every node on every prompt, in logits.

    The sign is the exact effect's: m(receiver ← donor's node) − m(receiver). `baseline` and
    `donor` are the Δ of both runs.
    """

    kind: Kind
    nodes: tuple[str, ...]
    values: Float[Tensor, "batch node"]
    baseline: Float[Tensor, " batch"]
    donor: Float[Tensor, " batch"]
    audit: tuple[Audit, ...]

    @property
    def mean(self) -> Float[Tensor, " node"]:
        return self.values.mean(0)

    def rows(self) -> list[dict[str, Any]]:
        """One line per prompt and node: row, component, estimate, kind."""
        return [
            {"row": b, "component": node, "estimate": float(self.values[b, n]), "kind": self.kind}
            for b in range(len(self.values))
            for n, node in enumerate(self.nodes)
        ]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k nodes of largest mean estimate by magnitude."""
        order = self.mean.abs().argsort(descending=True, stable=True)[:k]
        return [(self.nodes[i], float(self.mean[i])) for i in order.tolist()]


def attribution_patching(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    at: Literal["receiver", "donor"] = "receiver",
    positions: tuple[int, ...] | None = None,
    post_norm: PostNorm = "frozen",
) -> Estimate:
    """AtP of every node that `sites` name, with the gradient of the receiver's or donor's run.

    `direction` is one for all prompts or one for each. The audit compares the exact slopes of
    one layer's nodes, summed, with a central difference of edited passes.
    """
    return attribution_patching_of(
        setting(model, text, donor, sites, direction, positions), at=at, post_norm=post_norm
    )


def attribution_patching_of(
    given: Setting, *, at: Literal["receiver", "donor"] = "receiver", post_norm: PostNorm = "frozen"
) -> Estimate:
    """The same from runs that were already made."""
    own = given.receiver if at == "receiver" else given.donor
    if own.edited:
        raise InputError(
            "The gradient is taken in a run without edits and the donor was edited; "
            "use at='receiver'."
        )
    graded = gradient_run(given, own)
    values = torch.stack([first_order(given, graded, site, post_norm) for site in given.sites], -1)
    return Estimate(
        kind="atp_receiver" if at == "receiver" else "atp_donor",
        nodes=given.nodes,
        values=values,
        baseline=given.delta(given.receiver.final_logits),
        donor=given.delta(given.donor.final_logits),
        audit=(slope_audit(given, own, graded),),
    )


def gradient_run(given: Setting, own: Run) -> Run:
    """A run of the receiver's or donor's tokens with the gradient of Δ at every site."""
    layers = {site.layer for site in given.sites if site.kind == "head_out"}
    extra = [attn_out[layer] for layer in sorted(layers)]
    return own.model.run(
        own.tokens,
        read=[*given.sites, *extra],
        grad=lambda run: given.delta(run.final_logits),
        logits="last",
    )


def first_order(
    given: Setting, graded: Run, site: Site, post_norm: PostNorm = "exact"
) -> Float[Tensor, " batch"]:
    """Σ_pos <donor − receiver, gradient> of one node."""
    gap = given.difference(site)
    norm = graded.model.parts.post_norm(site.layer, "attn") if site.kind == "head_out" else None
    if norm is None or post_norm == "exact":
        return (gap * graded.gradient(site).float()).sum((-2, -1)).cpu().double()
    scale = norm.scale(graded.caught["o_proj_out", site.layer].detach())
    seen = graded.gradient(attn_out[site.layer]).float()
    return (norm.frozen(gap, scale) * seen).sum((-2, -1)).cpu().double()


def slope_audit(given: Setting, own: Run, graded: Run) -> Audit:
    """The last layer's nodes moved together by ± a step of their difference, against Σ AtP."""
    layer = max(site.layer for site in given.sites)
    kind = next(s.kind for s in given.sites if s.layer == layer)
    moved = [s for s in given.sites if s.layer == layer and s.kind == kind]
    found = torch.stack([first_order(given, graded, site) for site in moved]).sum(0)
    step, bound = STEP.get(own.logits.dtype, COARSE)
    ends = []
    for sign in (step, -step):
        edits = [
            given.edit(site, value_at(own, site) + sign * given.difference(site)) for site in moved
        ]
        run = own.model.run(own.tokens, write=edits, logits="last")
        ends.append(given.delta(run.final_logits))
    slope = (ends[0] - ends[1]) / (2 * step)
    size = torch.maximum(slope.abs().max(), given.delta(own.final_logits).abs().max())
    return Audit("Σ AtP = finite difference", float((found - slope).abs().max() / size), bound)
