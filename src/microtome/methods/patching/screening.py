"""Several estimates of the same nodes, and the order in which to look at them.

    rank(c) = best rank of c in any estimate, ties by the mean rank

One estimate misses what another sees: a node behind a saturated softmax shows on a path over the
inputs, not in a gradient. What is ranked first is patched exactly by `verify.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, get_args

import torch

from microtome.audit import Audit
from microtome.errors import InputError, suggest
from microtome.methods.patching.estimates import Estimate, Kind, attribution_patching_of
from microtome.methods.patching.integrated import integrated_gradients_of
from microtome.methods.patching.setting import Directions, Donor, Setting, setting
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.site import Site

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class Screen(Result):
    """Several estimates of the same nodes, by kind, and the order they give together."""

    estimates: Mapping[Kind, Estimate]
    audit: tuple[Audit, ...]

    @property
    def nodes(self) -> tuple[str, ...]:
        return next(iter(self.estimates.values())).nodes

    @cached_property
    def order(self) -> tuple[int, ...]:
        """Nodes by their best rank in any estimate, ties by their mean rank."""
        means = torch.stack([estimate.mean.abs() for estimate in self.estimates.values()])
        ranks = means.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
        keys = zip(ranks.amin(0).tolist(), ranks.float().mean(0).tolist(), strict=True)
        places = list(keys)
        return tuple(sorted(range(len(places)), key=places.__getitem__))

    def rows(self) -> list[dict[str, Any]]:
        """One line per node in order: component, rank, and the mean of every estimate."""
        return [
            {"component": self.nodes[n], "rank": rank}
            | {kind: float(estimate.mean[n]) for kind, estimate in self.estimates.items()}
            for rank, n in enumerate(self.order)
        ]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[str]:
        """The k nodes to look at first."""
        return [self.nodes[n] for n in self.order[:k]]


def screen(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    positions: tuple[int, ...] | None = None,
    kinds: Sequence[Kind] | None = None,
) -> Screen:
    """The estimates of these kinds; by default AtP both ways and, where inputs differ, IG on them.

    IG over activations runs every layer many times: it pays off for many nodes a layer (neurons),
    while patching heads and MLPs exactly is cheaper.
    """
    given = setting(model, text, donor, sites, direction, positions)
    found = [_estimated(given, kind) for kind in kinds or _affordable(given)]
    audits = [(estimate.kind, audit) for estimate in found for audit in estimate.audit]
    return Screen(
        {estimate.kind: estimate for estimate in found},
        tuple(Audit(f"{k}: {a.name}", a.value, a.bound, a.relation, a.note) for k, a in audits),
    )


def _affordable(given: Setting) -> Sequence[Kind]:
    if given.donor.edited:
        return ("atp_receiver",)
    both: tuple[Kind, ...] = ("atp_receiver", "atp_donor")
    return both if given.same_inputs else (*both, "ig_inputs")


def _estimated(given: Setting, kind: Kind) -> Estimate:
    if kind == "atp_receiver":
        return attribution_patching_of(given, at="receiver")
    if kind == "atp_donor":
        return attribution_patching_of(given, at="donor")
    if kind not in get_args(Kind):
        raise InputError(f"Unknown kind of estimate {kind!r}.{suggest(kind, get_args(Kind))}")
    return integrated_gradients_of(given, over="inputs" if kind == "ig_inputs" else "activations")
