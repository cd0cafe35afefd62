"""The smallest set of nodes that does the whole model's work alone, found in three steps.

    rank        nodes by their exact effect, donor into receiver or receiver into donor (the larger)
    grow        a short prefix C of that order with f(C) ≥ τ
    eliminate   while some node can go with f still ≥ τ, remove those whose loss costs least

f is `resampling.py`'s: everything outside C takes the donor's activations. The result is locally
minimal: no single node can go. It carries what a claim needs: f of the model without C, f without
each node, random circuits of the same size and kinds, and Wang et al.'s completeness gap
max |f(C∖K) − f(M∖K)| over K = ∅, C and every single node (arXiv 2211.00593).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.exact import patch
from microtome.methods.patching.resampling import Resampling
from microtome.methods.patching.setting import Directions, Donor, Setting, setting
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.site import Site

if TYPE_CHECKING:
    import pandas

TAU = 0.9
AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class Circuit(Result):
    """A set of nodes with its controls; all numbers are f, shares of m(all) − m(∅).

    `without` is f of the model without the circuit (0 is complete), `leave_one_out` f(C∖c) and
    `knocked_out` f(M∖c) of each member, `random` f of random circuits of the same size and kinds
    (as many heads, as many MLPs), `gap` the completeness gap, `full` and `empty` the mean Δ of
    both ends.
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

    @property
    def found(self) -> bool:
        """Whether it explains the share τ."""
        return self.faithfulness >= self.tau

    @property
    def beaten_by_random(self) -> float:
        """p = (1 + random circuits that are as faithful) / (1 + their number)."""
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


def find_circuit(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    tau: float = TAU,
    ranking: Sequence[str] | None = None,
    n_random: int = 20,
    seed: int = 42,
) -> Circuit:
    """The locally minimal circuit of `text` (usually clean) against `donor` (usually corrupt).

    `ranking` orders all nodes, most important first (by default exact patching both ways). With
    0 < τ ≤ 1 a circuit always exists: all nodes have f = 1.
    """
    if not 0 < tau <= 1:
        raise InputError(f"tau is a share of the model's effect; give 0 < tau <= 1, not {tau}.")
    given = setting(model, text, donor, sites, direction)
    resampling = Resampling(given)
    order = checked(ranking, given.nodes) if ranking is not None else ranked(given)
    members = eliminated(resampling, grown(resampling, order, tau), tau)
    return assessed(resampling, members, tau=tau, n_random=n_random, seed=seed)


def assess_circuit(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    members: Iterable[str],
    *,
    tau: float = TAU,
    n_random: int = 20,
    seed: int = 42,
) -> Circuit:
    """The same controls for a set of nodes that somebody else proposes."""
    resampling = Resampling(setting(model, text, donor, sites, direction))
    return assessed(resampling, tuple(members), tau=tau, n_random=n_random, seed=seed)


def ranked(given: Setting) -> tuple[str, ...]:
    """Nodes by their larger mean |effect|: donor's into the receiver, or the other way round."""
    receiver, donor = given.receiver, given.donor
    noised = patch(receiver.model, receiver.tokens, donor, given.sites, given.direction,
                   audited=False)  # fmt: skip
    size = noised.effects.mean(0).abs()
    if not donor.edited:
        restored = patch(donor.model, donor.tokens, receiver, given.sites, given.direction,
                         audited=False)  # fmt: skip
        size = size.maximum(restored.effects.mean(0).abs())
    order = size.argsort(descending=True, stable=True)
    return tuple(given.nodes[n] for n in order.tolist())


def grown(resampling: Resampling, order: Sequence[str], tau: float) -> list[str]:
    """A short prefix of `order` with f ≥ τ: doubled until it reaches τ, then narrowed down.

    f need not grow with the prefix; elimination removes what a longer one has too much.
    """
    low, high = 0, 1
    while high < len(order) and resampling.faithfulness([order[:high]])[0] < tau:
        low, high = high, min(2 * high, len(order))
    while high - low > 1:
        sizes = sorted({int(s) for s in np.linspace(low, high, AT_ONCE + 2)[1:-1]} - {low, high})
        found = resampling.faithfulness([order[:size] for size in sizes])
        reached = [size for size, f in zip(sizes, found, strict=True) if f >= tau]
        high = min([high, *reached])
        low = max([low, *(size for size in sizes if size < high)])
    return list(order[:high])


def eliminated(resampling: Resampling, members: Sequence[str], tau: float) -> tuple[str, ...]:
    """Backward elimination, many at a time: until no single node can go with f still ≥ τ.

    Each round orders the nodes that can go alone by how little f loses, and drops as many of them
    together, in that order, as f ≥ τ allows (at least the first).
    """
    left = tuple(members)
    while left:
        alone = resampling.faithfulness([_less(left, node) for node in left])
        free = sorted((-f, node) for f, node in zip(alone, left, strict=True) if f >= tau)
        going = [node for _, node in free]
        if not going:
            break
        sets = [frozenset(left) - set(going[: n + 1]) for n in range(len(going))]
        found = resampling.faithfulness(sets)
        count = max(n + 1 for n, f in enumerate(found) if f >= tau)
        left = tuple(node for node in left if node not in going[:count])
    return left


def assessed(
    resampling: Resampling, members: Sequence[str], *, tau: float, n_random: int, seed: int
) -> Circuit:
    """A circuit with all its controls."""
    chosen, every = tuple(members), resampling.nodes
    (own, rest) = resampling.faithfulness([chosen, set(every) - set(chosen)])
    loo = resampling.faithfulness([_less(chosen, node) for node in chosen]) if chosen else []
    out = resampling.faithfulness([_less(every, node) for node in chosen]) if chosen else []
    drawn = [random_circuit(chosen, resampling.given.sites, seed + i) for i in range(n_random)]
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
        audit=_audits(resampling, own, tau),
    )


def random_circuit(members: Sequence[str], sites: Sequence[Site], seed: int) -> frozenset[str]:
    """As many random nodes of each kind (head, MLP, ...) as the circuit has."""
    rng = np.random.default_rng(seed)
    kinds = {site.component: site.kind for site in sites}
    drawn: list[str] = []
    for kind in dict.fromkeys(kinds[node] for node in members):
        alike = [node for node, own in kinds.items() if own == kind]
        count = sum(kinds[node] == kind for node in members)
        drawn += rng.choice(alike, count, replace=False).tolist()
    return frozenset(drawn)


def _less(nodes: Iterable[str], node: str) -> frozenset[str]:
    return frozenset(nodes) - {node}


def checked(ranking: Sequence[str], nodes: Sequence[str]) -> tuple[str, ...]:
    """A ranking of every node, or InputError."""
    if sorted(ranking) != sorted(nodes):
        raise InputError(
            f"The ranking has {len(ranking)} entries and the sites name {len(nodes)} nodes; rank "
            f"every node once."
        )
    return tuple(ranking)


def _audits(resampling: Resampling, own: float, tau: float) -> tuple[Audit, ...]:
    """All nodes kept is the model itself; the circuit reaches τ."""
    again = resampling.read([resampling.nodes])[0]
    gap = float((again - resampling.full).abs().max() / resampling.full.abs().max())
    return (
        Audit("nothing replaced = the model", gap, resampling.bound),
        Audit("f(circuit)", own, tau, ">="),
    )
