"""Where in depth and along the prompt: sliding windows of layers, and layer × position maps.

    window l, w    every node of layers l ... l + w − 1 patched together
    cell l, t      the node of layer l patched at position t only

A window shows what no single layer shows alone (a fact spread over neighbouring MLPs); a map shows
when information leaves one token for another. Both are exact patches. Meng et al. 2022,
arXiv 2202.05262.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor

from microtome.audit import Audit
from microtome.errors import InputError
from microtome.methods.patching.exact import Metric, Patching, patch_nodes
from microtome.methods.patching.rows import Node
from microtome.methods.patching.setting import Directions, Donor, expanded
from microtome.methods.result import Result
from microtome.model.model import Model, Text
from microtome.model.site import Site
from microtome.model.tokens import Tokens

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class PositionMap(Result):
    """Effects of every site at every position; `words` are the receiver's tokens there.

    Effects are "batch site position", in the metric's units.
    """

    effects: Float[Tensor, "batch site position"]
    sites: tuple[str, ...]
    positions: tuple[int, ...]
    words: tuple[tuple[str, ...], ...]
    patching: Patching
    audit: tuple[Audit, ...]

    def rows(self) -> list[dict[str, Any]]:
        """One line per prompt, site and position: row, component, position, token, effect."""
        return [
            {
                "row": b,
                "component": site,
                "position": position,
                "token": self.words[b][p],
                "effect": float(self.effects[b, s, p]),
            }
            for b in range(len(self.effects))
            for s, site in enumerate(self.sites)
            for p, position in enumerate(self.positions)
        ]

    def table(self) -> "pandas.DataFrame":
        """The rows as a frame."""
        import pandas

        return pandas.DataFrame(self.rows())

    def top(self, k: int = 20) -> list[tuple[str, int, float]]:
        """The k cells of largest mean effect by magnitude: component, position, effect."""
        mean = self.effects.mean(0)
        order = mean.flatten().abs().argsort(descending=True, stable=True)[:k].tolist()
        width = len(self.positions)
        return [
            (self.sites[i // width], self.positions[i % width], float(mean.flatten()[i]))
            for i in order
        ]


def patch_windows(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    width: int = 5,
    metric: Metric = "logit_diff",
    positions: tuple[int, ...] | None = None,
    max_rows: int = 12,
) -> Patching:
    """Every `width` neighbouring layers of the sites' kinds patched together, named L2-L6_MLP.

    Give for example `mlp_out[:]`, `attn_out[:]`, or both for whole layers.
    """
    singles = expanded(model, sites)
    layers = sorted({site.layer for site in singles})
    if not 1 <= width <= len(layers):
        raise InputError(
            f"A window of {width} layers does not fit into the {len(layers)} layers that the "
            f"sites name; choose 1 to {len(layers)}."
        )
    nodes = []
    for start in range(len(layers) - width + 1):
        inside = set(layers[start : start + width])
        chosen = tuple(site for site in singles if site.layer in inside)
        nodes.append(Node(_window_name(chosen), chosen, positions))
    return patch_nodes(model, text, donor, nodes, direction, metric=metric, max_rows=max_rows)


def patch_positions(
    model: Model,
    text: Text,
    donor: Donor,
    sites: Site | Sequence[Site],
    direction: Directions,
    *,
    metric: Metric = "logit_diff",
    positions: Sequence[int] | None = None,
    max_rows: int = 24,
) -> PositionMap:
    """Every site at every position (default: all), one at a time; prompts of one length."""
    tokens = model.tokenize(text)
    singles = expanded(model, sites)
    length = int(tokens.lengths[0])
    if not bool((tokens.lengths == length).all()):
        raise InputError(
            f"A map over positions needs prompts of one length; these have "
            f"{', '.join(map(str, sorted(set(tokens.lengths.tolist()))))} tokens. Map them apart."
        )
    chosen = tuple(range(length)) if positions is None else tuple(positions)
    nodes = [Node(f"{s.component}@{p}", (s,), (p,)) for s in singles for p in chosen]
    found = patch_nodes(model, tokens, donor, nodes, direction, metric=metric, max_rows=max_rows)
    return PositionMap(
        effects=found.effects.unflatten(-1, (len(singles), len(chosen))),
        sites=tuple(site.component for site in singles),
        positions=chosen,
        words=_words(model, tokens, chosen),
        patching=found,
        audit=found.audit,
    )


def _window_name(sites: Sequence[Site]) -> str:
    """L2-L6_MLP; kinds joined with + where there are several."""
    first, last = min(s.layer for s in sites), max(s.layer for s in sites)
    kinds = dict.fromkeys(
        "HEADS" if s.kind == "head_out" else s.component.partition("_")[2] for s in sites
    )
    return f"L{first}-L{last}_{'+'.join(kinds)}"


def _words(model: Model, tokens: Tokens, positions: Sequence[int]) -> tuple[tuple[str, ...], ...]:
    rows = [ids[mask].tolist() for ids, mask in zip(tokens.ids, tokens.mask, strict=True)]
    return tuple(tuple(model.tokenizer.decode([row[p]]) for p in positions) for row in rows)
