"""Verify a screen exactly, and say what it may still have missed.

Patched exactly are the top k of the screen and a random sample of n of the other R nodes. Let M
be the largest |effect| in that sample. If K of the R nodes had a larger one, a sample without them
had probability C(R−K, n)/C(R, n); the largest K at which that is still ≥ 1 − level is an upper
confidence bound on how many nodes beyond M were missed: no assumption on the effects. K = 0 (M
itself bounds every effect) needs n ≥ level·R: nearly all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import lgamma, log
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.estimates import Kind
from microtome.methods.patching.exact import Patching, patch
from microtome.methods.patching.screening import Screen, screen
from microtome.methods.patching.setting import Directions, Donor, expanded
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.numbers import seed_of
from microtome.model.site import Site

if TYPE_CHECKING:
    import pandas

SHARE = 0.1


@dataclass(frozen=True, eq=False)
class Verification(Result):
    """Exact effects of the screen's top nodes and of a random sample of the rest.

    `correlation` is Pearson's, per estimate, over the verified nodes; `unseen` the number of nodes
    never patched and `exceeding` the upper bound on how many of them beat `largest_sampled`.
    """

    screen: Screen
    patching: Patching
    top_nodes: tuple[str, ...]
    sampled: tuple[str, ...]
    unseen: int
    exceeding: int
    level: float
    correlation: Mapping[Kind, float]
    audit: tuple[Audit, ...]

    @property
    def effects(self) -> dict[str, float]:
        """Mean exact effect of every verified node."""
        return dict(zip(self.patching.nodes, self.patching.effects.mean(0).tolist(), strict=True))

    @property
    def largest_sampled(self) -> float:
        """Largest |effect| in the random sample (0 when nothing was left to sample)."""
        return max((abs(self.effects[node]) for node in self.sampled), default=0.0)

    @property
    def threshold(self) -> float:
        """A tenth of the mean gap between donor and receiver: what counts as an effect."""
        return SHARE * abs(float((self.patching.donor - self.patching.baseline).mean()))

    @property
    def missed(self) -> tuple[str, ...]:
        """Sampled nodes of real effect that the screen had not put on top."""
        return tuple(n for n in self.sampled if abs(self.effects[n]) >= self.threshold)

    def missed_by(self, kind: Kind, tolerance: float = 0.5) -> tuple[str, ...]:
        """Verified nodes of real effect whose estimate is off by more than `tolerance` of it."""
        estimate = self.screen.estimates[kind]
        values = dict(zip(estimate.nodes, estimate.mean.tolist(), strict=True))
        return tuple(
            node
            for node, effect in self.effects.items()
            if abs(effect) >= self.threshold
            and abs(values[node] - effect) > tolerance * abs(effect)
        )

    @property
    def statement(self) -> str:
        """What may still have been missed, in one sentence."""
        if not self.unseen:
            return "Every node was patched exactly; nothing was left to miss."
        if not self.sampled:
            return (
                f"No random sample was patched, so nothing is known of the {self.unseen} nodes "
                f"never patched."
            )
        return (
            f"With {self.level:.0%} confidence at most {self.exceeding} of the {self.unseen} nodes "
            f"never patched have an effect beyond {self.largest_sampled:.3g} logits, the largest "
            f"of a random sample of {len(self.sampled)}."
        )

    def rows(self) -> list[dict[str, Any]]:
        """One line per verified node: component, effect, why it was verified, every estimate."""
        own = {row["component"]: row for row in self.screen.rows()}
        return [
            own[node] | {"effect": effect, "chosen": "top" if node in self.top_nodes else "sample"}
            for node, effect in self.effects.items()
        ]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k verified nodes of largest exact effect by magnitude."""
        return sorted(self.effects.items(), key=lambda item: -abs(item[1]))[:k]


def verify(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    k: int = 20,
    sample: int = 20,
    positions: tuple[int, ...] | None = None,
    level: float = 0.95,
    seed: int = 42,
    screened: Screen | None = None,
    max_rows: int = 12,
) -> Verification:
    """Patch exactly the k nodes that a screen puts first and `sample` random ones of the rest."""
    singles = expanded(model, sites)
    first = screened or screen(model, text, donor, singles, direction, positions=positions)
    if first.nodes != tuple(site.component for site in singles):
        raise InputError("The screen is of other nodes than these; screen the same sites.")
    if k < 0 or sample < 0:
        raise InputError(f"k={k} and sample={sample} count nodes; give 0 or more.")
    top, rest = first.order[:k], np.array(first.order[k:], dtype=int)
    rng = np.random.default_rng(seed_of(seed))
    drawn = sorted(rng.choice(rest, min(sample, len(rest)), replace=False).tolist())
    chosen = [*top, *drawn]
    exact = patch(
        model, text, donor, [singles[n] for n in chosen], direction,
        positions=positions, max_rows=max_rows,
    )  # fmt: skip
    return Verification(
        screen=first,
        patching=exact,
        top_nodes=tuple(first.nodes[n] for n in top),
        sampled=tuple(first.nodes[n] for n in drawn),
        unseen=len(rest) - len(drawn),
        exceeding=most_exceeding(len(rest), len(drawn), level),
        level=level,
        correlation={
            kind: _pearson(estimate.mean[list(chosen)], exact.effects.mean(0))
            for kind, estimate in first.estimates.items()
        },
        audit=(*first.audit, *exact.audit),
    )


def most_exceeding(rest: int, sampled: int, level: float) -> int:
    """The largest K with C(rest − K, sampled)/C(rest, sampled) ≥ 1 − level."""
    if not 0 <= sampled <= rest or not 0 < level < 1:
        raise InputError(f"A sample of {sampled} from {rest} at level {level} is not possible.")

    def log_chance(more: int) -> float:
        return _log_choose(rest - more, sampled) - _log_choose(rest, sampled)

    unseen = rest - sampled
    # The chance falls with K: the first K that is too unlikely ends the search.
    for more in range(unseen + 1):
        if log_chance(more) < log(1 - level) - 1e-12:
            return more - 1
    return unseen


def _log_choose(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)


def _pearson(estimated: Float[Tensor, " node"], exact: Float[Tensor, " node"]) -> float:
    """NaN where one of them does not vary or there are fewer than three nodes."""
    if len(exact) < 3:
        return float("nan")
    return float(torch.corrcoef(torch.stack([estimated.double(), exact.double()]))[0, 1])
