"""Which of many effects are more than chance, and whether the design could have told.

    max-T   signs flipped per cluster, every node against the largest: P(any false claim) ≤ level
    BH      the same flips node by node, then Benjamini-Hochberg: share of false claims ≤ level
    layer   p = share of the nodes of its layer and kind whose |mean effect| is as large

The first two ask whether an effect repeats over scenarios, the third whether it is special in its
layer. With c clusters no flip test goes below 2/2^c, and a layer of n heads not below 1/n: a
result says so instead of reporting "not significant" where nothing could have been.
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.exact import Patching
from microtome.methods.result import Result
from microtome.statistics import Floats, benjamini_hochberg, sign_flip

if TYPE_CHECKING:
    import pandas

RESAMPLES = 10_000


@dataclass(frozen=True, eq=False)
class Significance(Result):
    """p- and q-values of every node's mean effect; `smallest` is the least p the flips can give."""

    nodes: tuple[str, ...]
    effects: Floats
    max_t: Floats
    q: Floats
    in_layer: Floats
    smallest: float
    clusters: int
    level: float
    audit: tuple[Audit, ...]

    @property
    def reachable(self) -> bool:
        """Whether this many clusters can reach significance at all."""
        return self.smallest <= self.level

    @property
    def claimed(self) -> tuple[str, ...]:
        """Nodes whose effect stands against all others (max-T)."""
        return tuple(n for n, p in zip(self.nodes, self.max_t, strict=True) if p <= self.level)

    @property
    def statement(self) -> str:
        """What was found, or that nothing could have been."""
        if not self.reachable:
            return (
                f"{self.clusters} clusters cannot reach significance at {self.level:g}: the "
                f"smallest p that their sign flips give is {self.smallest:.2g}. Add scenarios."
            )
        return (
            f"{len(self.claimed)} of {len(self.nodes)} nodes have an effect at p ≤ {self.level:g} "
            f"(max-T over {self.clusters} clusters), "
            f"{int((self.q <= self.level).sum())} at q ≤ {self.level:g} (Benjamini-Hochberg)."
        )

    def rows(self) -> list[dict[str, Any]]:
        """One line per node: component, effect, p_max_t, q, p_layer, peers."""
        return [
            {
                "component": node,
                "effect": float(self.effects[i]),
                "p_max_t": float(self.max_t[i]),
                "q": float(self.q[i]),
                "p_layer": float(self.in_layer[i]),
                "peers": len(peers(node, self.nodes)),
            }
            for i, node in enumerate(self.nodes)
        ]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, float, float]]:
        """The k nodes of smallest p, larger effects first among equals: node, effect, p."""
        order = sorted(range(len(self.nodes)), key=lambda i: (self.max_t[i], -abs(self.effects[i])))
        return [(self.nodes[i], float(self.effects[i]), float(self.max_t[i])) for i in order[:k]]


def significance(
    patching: Patching,
    clusters: Sequence[Hashable] | None = None,
    *,
    level: float = 0.05,
    seed: int = 42,
) -> Significance:
    """Test every node's mean effect over prompts; `clusters` names each prompt's scenario."""
    values = patching.effects.cpu().numpy().astype(float)
    if not 0 < level < 1:
        raise InputError(f"level is the accepted share of false claims; give 0 to 1, not {level}.")
    count = len(values) if clusters is None else len(set(clusters))
    single = [
        sign_flip(column[:, None], clusters, resamples=RESAMPLES, seed=seed)[0]
        for column in values.T
    ]
    smallest = 2.0 / 2**count if 2**count <= RESAMPLES else 1.0 / (RESAMPLES + 1)
    means: Floats = values.mean(0)
    return Significance(
        nodes=patching.nodes,
        effects=means,
        max_t=sign_flip(values, clusters, resamples=RESAMPLES, seed=seed),
        q=benjamini_hochberg(np.array(single)),
        in_layer=_in_layer(patching.nodes, means),
        smallest=min(1.0, smallest),
        clusters=count,
        level=level,
        audit=(
            Audit("smallest p that the design can give", min(1.0, smallest), level),
            *patching.audit,
        ),
    )


def peers(node: str, nodes: Sequence[str]) -> tuple[str, ...]:
    """The nodes of its layer and kind, itself included: L5H3 has the heads of layer 5."""
    return tuple(other for other in nodes if _make(other) == _make(node))


def _make(node: str) -> tuple[str, str]:
    """Layer and kind from a component's name."""
    found = re.fullmatch(r"L(\d+)(H?)\d*_?(\w*)", node)
    if found is None:
        raise InputError(f"{node!r} is no single component of a layer; patch sites one by one.")
    return found[1], found[2] + found[3]


def _in_layer(nodes: Sequence[str], means: Floats) -> Floats:
    size = dict(zip(nodes, np.abs(means), strict=True))
    shares = []
    for node in nodes:
        alike = peers(node, nodes)
        shares.append(sum(size[other] >= size[node] for other in alike) / len(alike))
    return np.array(shares)
