"""Faithfulness over circuit size, and its two areas as the MIB benchmark defines them.

    f(k) = f of the first ⌊k·N⌋ nodes of a ranking, k ∈ {.001 .002 .005 .01 .02 .05 .1 .2 .5 1}
    CPR  = ∫ f(k) dk            (trapezoid; larger is better: the ranking finds what helps)
    CMD  = ∫ |1 − f(k)| dk      (smaller is better: the circuit behaves like the model)

MIB ranks by signed score for CPR and by magnitude for CMD, and counts edges where we count nodes.
Mueller et al. 2025, arXiv 2504.13151.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.audit import Audit
from microtome.methods.patching.resampling import Resampling
from microtome.methods.patching.search import checked, ranked
from microtome.methods.patching.setting import Directions, Donor, setting
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.site import Site

if TYPE_CHECKING:
    import pandas

FRACTIONS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, eq=False)
class Curve(Result):
    """f of the first `sizes` nodes of `order`, at `fractions` of all nodes."""

    order: tuple[str, ...]
    fractions: tuple[float, ...]
    sizes: tuple[int, ...]
    faithfulness: tuple[float, ...]
    audit: tuple[Audit, ...]

    @property
    def cpr(self) -> float:
        """Area under f."""
        return float(np.trapezoid(self.faithfulness, self.fractions))

    @property
    def cmd(self) -> float:
        """Area between f and 1."""
        return float(np.trapezoid(np.abs(1 - np.array(self.faithfulness)), self.fractions))

    def rows(self) -> list[dict[str, Any]]:
        """One line per fraction: fraction, size, faithfulness."""
        places = zip(self.fractions, self.sizes, self.faithfulness, strict=True)
        return [{"fraction": k, "size": n, "faithfulness": f} for k, n, f in places]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[str]:
        """The k nodes ranked first."""
        return list(self.order[:k])


def faithfulness_curve(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    ranking: Sequence[str] | None = None,
    fractions: Sequence[float] = FRACTIONS,
) -> Curve:
    """f of growing circuits along a ranking of all nodes (default: exact patching both ways)."""
    given = setting(model, text, donor, sites, direction)
    resampling = Resampling(given)
    order = ranked(given) if ranking is None else checked(ranking, given.nodes)
    # 0.1 + 0.2 nodes of ten are three: a product a hair below an integer still counts as it.
    sizes = [int(fraction * len(order) + 1e-9) for fraction in fractions]
    values = resampling.faithfulness([order[:size] for size in sizes])
    full = float((resampling.read([order])[0] - resampling.full).abs().max())
    scale = float(resampling.full.abs().max())
    return Curve(
        order=order,
        fractions=tuple(fractions),
        sizes=tuple(sizes),
        faithfulness=tuple(values),
        audit=(Audit("nothing replaced = the model", full / scale, resampling.bound),),
    )
