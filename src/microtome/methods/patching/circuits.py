"""A circuit with what a claim about it needs: its faithfulness and its controls.

    f(C), f(M∖C)       alone, and the model without it         (`resampling.py`)
    f(C∖c), f(M∖c)     without each member
    f(random C)        random circuits of the same size and kinds
    gap                max |f(C∖K) − f(M∖K)| over K = ∅, C and every single member

The gap is Wang et al.'s completeness (arXiv 2211.00593): a cut that flips the answer and computes
nothing has f(C) = 0 and a gap of 1. On the prompts that a search used, f and its rank among random
circuits say nothing: the search chose for them. Take both from `assess_circuit` on other prompts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.audit import Audit
from microtome.methods.patching.resampling import Resampling
from microtome.methods.patching.setting import Directions, Donor, setting
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.numbers import seed_of
from microtome.model.site import Site

if TYPE_CHECKING:
    import pandas

TAU = 0.9
N_RANDOM = 20


@dataclass(frozen=True, eq=False)
class Circuit(Result):
    """A set of nodes with its controls; all numbers are f, shares of m(all) − m(∅).

    `without` is f of the model without the circuit (0 is complete), `leave_one_out` f(C∖c) and
    `knocked_out` f(M∖c) of each member, `random` f of random circuits of the same size and kinds
    (as many heads, as many MLPs), `gap` the completeness gap, `full` and `empty` the mean Δ of
    both ends, `effects` m(C) − m(∅) and `gaps` m(all) − m(∅) of each prompt in logits. `searched`
    says that the circuit was chosen on these very prompts.
    """

    members: tuple[str, ...]
    nodes: tuple[str, ...]
    faithfulness: float
    without: float
    leave_one_out: dict[str, float]
    knocked_out: dict[str, float]
    random: tuple[float, ...]
    gap: float
    tau: float
    full: float
    empty: float
    audit: tuple[Audit, ...]
    effects: tuple[float, ...] = ()
    gaps: tuple[float, ...] = ()
    searched: bool = False

    @property
    def found(self) -> bool:
        """Whether it explains the share τ."""
        return self.faithfulness >= self.tau

    @property
    def beaten_by_random(self) -> float | None:
        """p = (1 + random circuits that are as faithful) / (1 + their number).

        None on the prompts that the circuit was chosen on, and without random circuits.
        """
        if self.searched or not self.random:
            return None
        reached = sum(f >= self.faithfulness for f in self.random)
        return (1 + reached) / (1 + len(self.random))

    def rows(self) -> list[dict[str, Any]]:
        """One line per member: component, f without it in the circuit, and in the model."""
        return [
            {
                "component": node,
                "leave_one_out": self.leave_one_out[node],
                "knocked_out": self.knocked_out[node],
            }
            for node in self.members
        ]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        columns = ["component", "leave_one_out", "knocked_out"]
        return pandas.DataFrame(self.rows(), columns=columns)

    def top(self, k: int = 20) -> list[tuple[str, float]]:
        """The k members that the circuit can spare least: f(C) − f(C∖c)."""
        cost = {node: self.faithfulness - f for node, f in self.leave_one_out.items()}
        return sorted(cost.items(), key=lambda item: -item[1])[:k]


def assess_circuit(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    members: Iterable[str],
    *,
    tau: float = TAU,
    n_random: int = N_RANDOM,
    seed: int = 42,
) -> Circuit:
    """The same controls for a set of nodes that somebody else proposes."""
    resampling = Resampling(setting(model, text, donor, sites, direction))
    return assessed(
        resampling, tuple(dict.fromkeys(members)), tau=tau, n_random=n_random, seed=seed
    )


def assessed(
    resampling: Resampling,
    members: Sequence[str],
    *,
    tau: float,
    n_random: int,
    seed: int,
    searched: bool = False,
) -> Circuit:
    """A circuit with all its controls."""
    chosen, every = tuple(members), resampling.nodes
    (own, rest) = resampling.faithfulness([chosen, set(every) - set(chosen)])
    loo = resampling.faithfulness([less(chosen, node) for node in chosen]) if chosen else []
    out = resampling.faithfulness([less(every, node) for node in chosen]) if chosen else []
    first = seed_of(seed)
    drawn = [random_circuit(chosen, resampling.given.sites, first + i) for i in range(n_random)]
    gaps = [abs(own - 1), abs(rest), *(abs(a - b) for a, b in zip(loo, out, strict=True))]
    return Circuit(
        members=chosen,
        nodes=every,
        faithfulness=own,
        without=rest,
        leave_one_out=dict(zip(chosen, loo, strict=True)),
        knocked_out=dict(zip(chosen, out, strict=True)),
        random=tuple(resampling.faithfulness(drawn)) if drawn else (),
        gap=max(gaps),
        tau=tau,
        full=float(resampling.full.mean()),
        empty=float(resampling.empty.mean()),
        audit=(_same(resampling), *([Audit("f(circuit)", own, tau, ">=")] if searched else [])),
        effects=tuple((resampling.deltas([chosen])[0] - resampling.empty).tolist()),
        gaps=tuple(resampling.gaps.tolist()),
        searched=searched,
    )


def random_circuit(members: Sequence[str], sites: Sequence[Site], seed: int) -> frozenset[str]:
    """As many random nodes of each kind (head, MLP, ...) as the circuit has."""
    rng = np.random.default_rng(seed_of(seed))
    kinds = {site.component: site.kind for site in sites}
    drawn: list[str] = []
    for kind in dict.fromkeys(kinds[node] for node in members):
        alike = [node for node, own in kinds.items() if own == kind]
        count = sum(kinds[node] == kind for node in members)
        drawn += rng.choice(alike, count, replace=False).tolist()
    return frozenset(drawn)


def less(nodes: Iterable[str], node: str) -> frozenset[str]:
    """The nodes without one."""
    return frozenset(nodes) - {node}


def _same(resampling: Resampling) -> Audit:
    """All nodes kept is the model itself."""
    again = resampling.read([resampling.nodes])[0]
    gap = float((again - resampling.full).abs().max() / resampling.full.abs().max())
    return Audit("nothing replaced = the model", gap, resampling.bound)
