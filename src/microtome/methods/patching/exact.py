"""Exact activation patching, one component at a time.

    effect(c) = m(receiver ← donor's c) − m(receiver)

The donor is a run of the same model on another prompt (denoising when the donor is clean, noising
when it is corrupt) or of another model on the same prompt. A head is replaced by the donor's own
write before any post-norm, whose scale is recomputed. Every result carries its audits: patching a
run with itself changes nothing, patching the whole last layer gives the donor's answer, and a
batched patch equals the same patch alone.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.rows import Node, audits, replayed
from microtome.methods.patching.setting import Directions, Donor, deltas, donor_run, each, expanded
from microtome.methods.readout import delta_of_logits
from microtome.methods.result import Result
from microtome.model.direction import Direction
from microtome.model.model import Model, Text
from microtome.model.site import Site
from microtome.statistics import Interval, Level, signed_share

if TYPE_CHECKING:
    import pandas

Metric = Literal["logit_diff", "probability", "kl"]
FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class Patching(Result):
    """Effects of every patched component on every prompt.

    `patched` and `baseline` are logit differences Δ, `effects` the change of `metric` (logits,
    probability of plus, or nats of KL(receiver ‖ patched)), `controls` the changes along control
    directions.
    """

    nodes: tuple[str, ...]
    effects: Float[Tensor, "batch node"]
    patched: Float[Tensor, "batch node"]
    baseline: Float[Tensor, " batch"]
    donor: Float[Tensor, " batch"]
    metric: Metric
    names: tuple[str, str]
    audit: tuple[Audit, ...]
    controls: Float[Tensor, "control batch node"] | None = None
    floor: float = FLOOR

    def rows(self) -> list[dict[str, Any]]:
        """One line per prompt and component, in the columns of the original tool.

        `effect_size` is |Δ change| / |baseline Δ| and null where |baseline Δ| is below `floor`:
        it has no finite mean, so average `delta_change` instead.
        """
        return [self._row(b, n) for b in range(len(self.baseline)) for n in range(len(self.nodes))]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k components of largest mean effect by magnitude."""
        mean = self.effects.mean(0)
        order = mean.abs().argsort(descending=True)[:k]
        return [(self.nodes[i], float(mean[i])) for i in order.tolist()]

    def recovered(
        self, clusters: Sequence[Hashable] | None = None, *, level: float = 0.95
    ) -> dict[str, Interval]:
        """Per node Σ sign(gap) · (patched − receiver) / Σ |gap|, gap = donor − receiver.

        With a clean donor (denoising) it is the share of the gap that the node restores, with a
        corrupt one (noising) the share that it destroys. `clusters` names each prompt's scenario.
        """
        gap = (self.donor - self.baseline).tolist()
        moved = (self.patched - self.baseline[:, None]).T.tolist()
        return {
            node: signed_share(change, gap, clusters, Level(level))
            for node, change in zip(self.nodes, moved, strict=True)
        }

    def _row(self, b: int, n: int) -> dict[str, Any]:
        before, after = float(self.baseline[b]), float(self.patched[b, n])
        minus, plus = self.names
        size = abs(after - before) / abs(before) if abs(before) >= self.floor else None
        return {
            "row": b,
            "component": self.nodes[n],
            "baseline_delta": before,
            "baseline_action": plus if before > 0 else minus,
            "patched_delta": after,
            "patched_action": plus if after > 0 else minus,
            "delta_change": after - before,
            "action_flipped": (after > 0) != (before > 0),
            "effect_size": size,
            "donor_delta": float(self.donor[b]),
            "effect": float(self.effects[b, n]),
        }


def patch(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    metric: Metric = "logit_diff",
    positions: tuple[int, ...] | None = None,
    names: tuple[str, str] = ("minus", "plus"),
    controls: Sequence[Direction] = (),
    max_rows: int = 12,
    audited: bool = True,
) -> Patching:
    """Replace each component that `sites` name, one at a time, by the donor's.

    `donor` is a Run that read those sites, another Model (run on the same text), or prompts of
    the same length; `direction` is one for all prompts or one for each. Up to `max_rows` patches
    of a layer share a replayed pass; `max_rows=1` is the bitwise mode (see `model.replay`).
    `controls` are directions along which nothing should happen (unrelated tokens): their changes
    come from the very same patched logits.
    """
    nodes = [Node(s.component, (s,), positions) for s in expanded(model, sites)]
    return patch_nodes(
        model, text, donor, nodes, direction,
        metric=metric, names=names, controls=controls, max_rows=max_rows, audited=audited,
    )  # fmt: skip


def patch_nodes(
    model: Model,
    text: Text,
    donor: Donor,
    nodes: Sequence[Node],
    direction: Directions,
    *,
    metric: Metric = "logit_diff",
    names: tuple[str, str] = ("minus", "plus"),
    controls: Sequence[Direction] = (),
    max_rows: int = 12,
    audited: bool = True,
) -> Patching:
    """The same for nodes of several sites each, or of single positions."""
    singles = list(dict.fromkeys(site for node in nodes for site in node.sites))
    tokens = model.tokenize(text)
    run = donor_run(model, tokens, donor, singles)
    own = each(direction, len(tokens.ids))
    if max_rows < 1:
        raise InputError(f"max_rows is {max_rows}; at least one patch goes into a pass.")
    found = [replayed(model, tokens, run, row, nodes, max_rows) for row in range(len(tokens.ids))]
    clean, stacked = (torch.stack(logits) for logits in zip(*found, strict=True))
    before = _metric(clean[:, None], own, metric, clean)
    return Patching(
        nodes=tuple(node.name for node in nodes),
        effects=_metric(stacked, own, metric, clean) - before,
        patched=deltas(stacked, own),
        baseline=deltas(clean, own),
        donor=deltas(run.final_logits, own),
        metric=metric,
        names=names,
        controls=_along(controls, stacked, clean),
        audit=audits(model, tokens, run, nodes, stacked) if audited else (),
    )


def _along(
    controls: Sequence[Direction], patched: Tensor, clean: Tensor
) -> Float[Tensor, "control batch node"] | None:
    """Change of each control direction's own logit difference under every patch."""
    if not controls:
        return None
    before = clean[:, None]
    return torch.stack(
        [delta_of_logits(patched, c) - delta_of_logits(before, c) for c in controls]
    ).cpu()


def _metric(
    logits: Tensor, directions: Sequence[Direction], metric: Metric, clean: Tensor
) -> Float[Tensor, "batch node"]:
    if metric == "logit_diff":
        return deltas(logits, directions)
    log_p = logits.double().log_softmax(-1)
    if metric == "probability":
        plus = [own.tokens[0] for own in directions]
        return torch.stack([row[:, i] for row, i in zip(log_p, plus, strict=True)]).exp().cpu()
    if metric != "kl":
        raise InputError(f"Unknown metric {metric!r}; use logit_diff, probability or kl.")
    own = clean[:, None].double().log_softmax(-1)
    return (own.exp() * (own - log_p)).sum(-1).cpu()
