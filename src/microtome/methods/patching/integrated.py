"""Integrated gradients: the gradient averaged along a path from receiver to donor. An estimate.

    inputs        IG(c) = Σ_pos <c_donor − c_receiver, mean_α ∂m/∂c at layer 0's input x(α)>
    activations   the same with x(α) the layer's own nodes of c's kind, moved together

with x(α) = x_receiver + α (x_donor − x_receiver) at midpoints α. The path leaves a saturated
region that hides a node from one gradient; it still misses redundant paths, and moving a layer's
nodes together shares their interactions among them, so ranks mean more than sizes. Sundararajan
et al. 2017, arXiv 1703.01365; Hanna et al. 2024, arXiv 2403.17806.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.estimates import Estimate
from microtome.methods.patching.setting import Directions, Donor, Setting, setting, value_at
from microtome.model.model import Model, Text
from microtome.model.run import Run
from microtome.model.site import Site, resid_pre

Over = Literal["inputs", "activations"]
Ends = dict[Site, tuple[Tensor, Tensor]]
LADDER = (8, 32, 128)
CLOSED = 0.05
MAX_ENTRIES = 2**22
"""Rows × tokens × d_model in one pass: the graph it keeps is some hundred times that."""


def integrated_gradients(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    over: Over = "inputs",
    steps: int | None = None,
    positions: tuple[int, ...] | None = None,
) -> Estimate:
    """IG of every node that `sites` name, over the inputs or over each layer's activations.

    The audit is the path's own completeness: gradients along it must sum to the change of Δ from
    end to end. By default the number of steps is the first of 8, 32, 128 that closes that gap.
    """
    return integrated_gradients_of(
        setting(model, text, donor, sites, direction, positions), over=over, steps=steps
    )


def integrated_gradients_of(
    given: Setting, *, over: Over = "inputs", steps: int | None = None
) -> Estimate:
    """The same from runs that were already made."""
    ladder = LADDER if steps is None else (steps,)
    values, gap, taken = (_over_inputs if over == "inputs" else _over_activations)(given, ladder)
    return Estimate(
        kind="ig_inputs" if over == "inputs" else "ig_activations",
        nodes=given.nodes,
        values=values,
        baseline=given.delta(given.receiver.final_logits),
        donor=given.delta(given.donor.final_logits),
        audit=(
            Audit("gradients along the path sum to its ends", gap, CLOSED, note=f"{taken} steps"),
        ),
    )


def _over_inputs(given: Setting, ladder: Sequence[int]) -> tuple[Tensor, float, int]:
    if given.same_inputs or given.donor.edited:
        why = "was edited or aligned" if given.donor.edited else "reads the receiver's own tokens"
        raise InputError(
            f"The donor {why}, so there is no path between the inputs; use over='activations'."
        )
    first = resid_pre[0].expand(given.receiver.model.parts.sizes)[0]
    own, other = (
        run.model.run(run.tokens, read=first, logits="last")[first]
        for run in (given.receiver, given.donor)
    )
    slopes, gap, taken = _climbed(given, {first: (own, other)}, given.sites, ladder)
    return torch.stack([slopes[site] for site in given.sites], -1), gap, taken


def _over_activations(given: Setting, ladder: Sequence[int]) -> tuple[Tensor, float, int]:
    """Layer by layer and kind by kind; the worst completeness gap of them all."""
    found: dict[Site, Tensor] = {}
    gaps, steps = [], []
    for group in stages(given.sites):
        ends = {
            site: (value_at(given.receiver, site), value_at(given.donor, site)) for site in group
        }
        slopes, gap, taken = _climbed(given, ends, group, ladder)
        gaps.append(gap)
        steps.append(taken)
        found |= {site: slopes[site] for site in group}
    return torch.stack([found[site] for site in given.sites], -1), max(gaps), max(steps)


def stages(sites: Sequence[Site]) -> list[list[Site]]:
    """Sites of one layer and kind together, in order."""

    def place(site: Site) -> tuple[int, str]:
        return site.layer, site.kind

    return [list(group) for _, group in groupby(sorted(sites, key=place), key=place)]


def _climbed(
    given: Setting, ends: Ends, sites: Sequence[Site], ladder: Sequence[int]
) -> tuple[dict[Site, Tensor], float, int]:
    """IG of `sites` and of the path's own, with more steps until the path closes."""
    edits = [given.edit(site, other) for site, (_, other) in ends.items()]
    end = given.receiver.model.run(given.receiver.tokens, write=edits, logits="last")
    before, after = given.delta(given.receiver.final_logits), given.delta(end.final_logits)
    size = torch.maximum(before.abs().max(), after.abs().max())
    for steps in ladder:
        mean = _mean_gradients(given, ends, [*sites, *ends], steps)
        moved = {s: (o - r).float() * given.where.to(r.device) for s, (r, o) in ends.items()}
        total = torch.stack([_product(moved[s], mean[s]) for s in ends]).sum(0)
        gap = float((total - (after - before)).abs().max() / size)
        if gap <= CLOSED:
            break
    return {s: _product(given.difference(s), mean[s]) for s in sites}, gap, steps


def _mean_gradients(
    given: Setting, ends: Ends, sites: Sequence[Site], steps: int
) -> dict[Site, Tensor]:
    """∂m/∂c averaged over the midpoints of the path, "batch pos d" per site."""
    total: dict[Site, Tensor] = {}
    for alphas in _chunks(given, steps):
        graded = _graded(given, ends, sites, alphas)
        for site in dict.fromkeys(sites):
            part = graded.gradient(site).float().unflatten(0, (-1, len(alphas))).sum(1) / steps
            total[site] = total[site] + part if site in total else part
    return total


def _graded(given: Setting, ends: Ends, sites: Sequence[Site], alphas: Tensor) -> Run:
    def delta(run: Run) -> Tensor:
        return given.delta(run.final_logits.unflatten(0, (-1, len(alphas))))

    edits = [given.edit(site, _between(*pair, alphas)) for site, pair in ends.items()]
    tokens = given.receiver.tokens.repeat(len(alphas))
    return given.receiver.model.run(tokens, read=sites, write=edits, grad=delta, logits="last")


def _chunks(given: Setting, steps: int) -> Iterator[Tensor]:
    """Midpoints of `steps` equal parts of [0, 1], as many at once as a pass may hold."""
    entries = given.receiver.tokens.ids.numel() * given.receiver.model.parts.d_model
    yield from ((torch.arange(steps) + 0.5) / steps).split(max(1, MAX_ENTRIES // entries))


def _between(
    own: Float[Tensor, "batch pos d"], other: Float[Tensor, "batch pos d"], alphas: Tensor
) -> Float[Tensor, "batch_times_alphas pos d"]:
    share = alphas.view(-1, 1, 1).to(own)
    return (own[:, None] + share * (other - own)[:, None]).flatten(0, 1)


def _product(gap: Tensor, gradient: Tensor) -> Float[Tensor, " batch"]:
    return (gap * gradient).sum((-2, -1)).cpu().double()
