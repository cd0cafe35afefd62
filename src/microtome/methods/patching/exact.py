"""Exact activation patching, one component at a time.

    effect(c) = m(receiver ← donor's c) − m(receiver)

The donor is a run of the same model on another prompt (denoising when the donor is clean, noising
when it is corrupt) or of another model on the same prompt. A head is replaced by the donor's own
write before any post-norm, whose scale is recomputed. Every result carries its audits: patching a
run with itself changes nothing, patching the whole last layer gives the donor's answer, and a
batched patch equals the same patch alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.rows import audits, replayed
from microtome.methods.readout import delta_of_logits
from microtome.methods.result import Result
from microtome.model.direction import Direction
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import Site
from microtome.model.tokens import Tokens

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
    donor: Run | Model | str,
    sites: Site | Sequence[Site],
    direction: Direction,
    *,
    metric: Metric = "logit_diff",
    positions: tuple[int, ...] | None = None,
    names: tuple[str, str] = ("minus", "plus"),
    controls: Sequence[Direction] = (),
    max_rows: int = 12,
    audited: bool = True,
) -> Patching:
    """Replace each component that `sites` name, one at a time, by the donor's.

    `donor` is a Run that read those sites, another Model (run on the same text), or a prompt of
    the same length. Up to `max_rows` patches of a layer share a replayed pass; `max_rows=1` is
    the bitwise mode (see `model.replay`). `controls` are directions along which nothing should
    happen (unrelated tokens): their changes come from the very same patched logits.
    """
    direction.require("unembedding", "patch")
    singles = _expanded(model, sites)
    tokens = model.tokenize(text)
    run = _donor_run(model, tokens, donor, singles)
    found = [
        replayed(model, tokens, run, row, singles, positions, max_rows)
        for row in range(len(tokens.ids))
    ]
    clean, stacked = (torch.stack(logits) for logits in zip(*found, strict=True))
    patched, baseline = delta_of_logits(stacked, direction), delta_of_logits(clean, direction)
    before = _metric(clean[:, None], direction, metric, clean)
    return Patching(
        nodes=tuple(site.component for site in singles),
        effects=_metric(stacked, direction, metric, clean) - before,
        patched=patched,
        baseline=baseline,
        donor=delta_of_logits(run.final_logits, direction),
        metric=metric,
        names=names,
        controls=_along(controls, stacked, clean),
        audit=audits(model, tokens, run, singles, stacked, positions) if audited else (),
    )


def _along(
    controls: Sequence[Direction], patched: Tensor, clean: Tensor
) -> Float[Tensor, "control batch node"] | None:
    """Change of each control direction's own logit difference under every patch."""
    if not controls:
        return None
    before = clean[:, None]
    return torch.stack([delta_of_logits(patched, c) - delta_of_logits(before, c) for c in controls])


def _expanded(model: Model, sites: Site | Sequence[Site]) -> list[Site]:
    asked = [sites] if isinstance(sites, Site) else list(sites)
    return [single for site in asked for single in site.expand(model.parts.sizes)]


def _donor_run(model: Model, tokens: Tokens, donor: Run | Model | str, sites: list[Site]) -> Run:
    if isinstance(donor, Run):
        run = donor
    elif isinstance(donor, Model):
        run = donor.run(tokens, read=sites, logits="last")
    else:
        run = model.run(donor, read=sites, logits="last")
    if run.tokens.ids.shape != tokens.ids.shape:
        raise InputError(
            f"The donor has {tuple(run.tokens.ids.shape)} (rows, tokens) and the receiver "
            f"{tuple(tokens.ids.shape)}; patching goes position by position, so give prompts of "
            f"equal length."
        )
    return run


def _metric(logits: Tensor, direction: Direction, metric: Metric, clean: Tensor) -> Tensor:
    if metric == "logit_diff":
        return delta_of_logits(logits, direction)
    log_p = logits.double().log_softmax(-1)
    if metric == "probability":
        return log_p[..., direction.tokens[0]].exp()
    if metric != "kl":
        raise InputError(f"Unknown metric {metric!r}; use logit_diff, probability or kl.")
    own = clean[:, None].double().log_softmax(-1)
    return (own.exp() * (own - log_p)).sum(-1)
