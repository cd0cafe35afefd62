"""The smallest set of nodes that does the whole model's work alone, found in three steps.

    rank        nodes by their exact effect, donor into receiver or receiver into donor (the larger)
    grow        a short prefix C of that order with f(C) ≥ τ
    eliminate   while some node can go with f still ≥ τ, remove those whose loss costs least

f is `resampling.py`'s: everything outside C takes the donor's activations. The result is locally
minimal (no single node can go) and need not be the only one: of redundant branches either is
right. Its f and its rank among random circuits belong to other prompts: `assess_circuit` takes
them there. What a claim needs beside f is in `circuits.py`.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from torch import Tensor

from microtome.errors import InputError
from microtome.methods.patching.circuits import N_RANDOM, TAU, Circuit, assessed, less
from microtome.methods.patching.exact import Patching, patch
from microtome.methods.patching.resampling import Resampling
from microtome.methods.patching.setting import Directions, Donor, Setting, setting
from microtome.model.model import Model, Text
from microtome.model.site import Site

AT_ONCE = 8


def find_circuit(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    tau: float = TAU,
    ranking: Sequence[str] | None = None,
    n_random: int = N_RANDOM,
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
    return assessed(resampling, members, tau=tau, n_random=n_random, seed=seed, searched=True)


def ranked(given: Setting) -> tuple[str, ...]:
    """Nodes by their larger mean effect: donor's into the receiver, or the other way round.

    Each prompt's effect counts towards its donor, as in f; the order is by magnitude.
    """
    receiver, donor = given.receiver, given.donor
    noised = patch(receiver.model, receiver.tokens, donor, given.sites, given.direction,
                   audited=False)  # fmt: skip
    size = _towards(noised)
    if not donor.edited:
        restored = patch(donor.model, donor.tokens, receiver, given.sites, given.direction,
                         audited=False)  # fmt: skip
        size = size.maximum(_towards(restored))
    order = size.argsort(descending=True, stable=True)
    return tuple(given.nodes[n] for n in order.tolist())


def _towards(found: Patching) -> Float[Tensor, " node"]:
    """|mean effect| of each node, each prompt's signed towards its donor."""
    sign = (found.donor - found.baseline).sign()
    return (found.effects * sign[:, None]).mean(0).abs()


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
        alone = resampling.faithfulness([less(left, node) for node in left])
        free = sorted((-f, node) for f, node in zip(alone, left, strict=True) if f >= tau)
        going = [node for _, node in free]
        if not going:
            break
        sets = [frozenset(left) - set(going[: n + 1]) for n in range(len(going))]
        found = resampling.faithfulness(sets)
        count = max(n + 1 for n, f in enumerate(found) if f >= tau)
        left = tuple(node for node in left if node not in going[:count])
    return left


def checked(ranking: Sequence[str], nodes: Sequence[str]) -> tuple[str, ...]:
    """A ranking of every node, or InputError."""
    if sorted(ranking) != sorted(nodes):
        raise InputError(
            f"The ranking has {len(ranking)} entries and the sites name {len(nodes)} nodes; rank "
            f"every node once."
        )
    return tuple(ranking)
