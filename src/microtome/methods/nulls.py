"""Which of many effects are more than chance, and whether the design could have told.

    max-T   every node against the largest of a draw of clusters: P(any false claim) ≤ level
    BH      the same draws node by node, then Benjamini-Hochberg: share of false claims ≤ level
    layer   rank of |mean effect − median| among the n nodes of its layer and kind, p ≥ 1/n

The first two ask whether an effect repeats over scenarios, the third whether it is special in its
layer (for a node named beforehand). The draws test for a mean of 0 (from 6 clusters) or, when
asked, for symmetry about 0 by flipping signs (from 2/2^c): a result names its test, and says when
the design can reach no significance instead of "not significant".
"""

import re
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.exact import Patching
from microtome.methods.result import Result
from microtome.statistics import (
    Floats,
    Level,
    benjamini_hochberg,
    mean_is_0,
    rank_among_peers,
    symmetric_about_0,
)

if TYPE_CHECKING:
    import pandas

Test = Literal["mean_is_0", "symmetric_about_0"]
_TESTS = {"mean_is_0": mean_is_0, "symmetric_about_0": symmetric_about_0}
_WORDS = {"mean_is_0": "test for a mean of 0", "symmetric_about_0": "test for symmetry about 0"}


@dataclass(frozen=True, eq=False)
class Significance(Result):
    """p- and q-values of every node's mean effect; `smallest` is the least p the test can give."""

    nodes: tuple[str, ...]
    effects: Floats
    max_t: Floats
    q: Floats
    in_layer: Floats
    smallest: float
    clusters: int
    level: float
    test: Test
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
                f"smallest p of the {_WORDS[self.test]} is {self.smallest:.2g}. Add scenarios."
            )
        return (
            f"{len(self.claimed)} of {len(self.nodes)} nodes have an effect at p ≤ {self.level:g} "
            f"({_WORDS[self.test]}, max-T over {self.clusters} clusters), "
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
    test: Test = "mean_is_0",
    seed: int = 42,
) -> Significance:
    """Test every node's effect over prompts; `clusters` names each prompt's scenario.

    Without `clusters` the prompts count as independent, which wordings of one scenario are not:
    then p is too small. `Significance.clusters` is how many the test had.
    `test` is `mean_is_0` (none below 6 clusters) or `symmetric_about_0`, which has power from
    fewer clusters but also rejects skewed effects of mean 0.
    """
    values = patching.effects.cpu().numpy().astype(float)
    if not 0 < level < 1:
        raise InputError(f"level is the accepted share of false claims; give 0 to 1, not {level}.")
    if test not in _TESTS:
        raise InputError(f"There is no test {test!r}; take {' or '.join(_TESTS)}.")
    found = _TESTS[test](values, clusters, Level(1 - level, seed=seed))
    means: Floats = values.mean(0)
    single = np.where(np.isnan(found.single), 1.0, found.single)
    return Significance(
        nodes=patching.nodes,
        effects=means,
        max_t=np.where(np.isnan(found.p), 1.0, found.p),
        q=benjamini_hochberg(single),
        in_layer=_in_layer(patching.nodes, means),
        smallest=found.floor,
        clusters=found.clusters,
        level=level,
        test=test,
        audit=(
            Audit("smallest p that the design can give", found.floor, level),
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
    """Rank among peers of each node; in a group of one or two nothing can stand out."""
    found = np.ones(len(nodes))
    makes = [_make(node) for node in nodes]
    for make in dict.fromkeys(makes):
        own = [i for i, other in enumerate(makes) if other == make]
        found[own] = rank_among_peers(means[own]).p
    return found
