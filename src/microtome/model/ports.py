"""Where a site meets the model: which module's input or output carries it, and how to edit it.

Compiles reads and edits into taps. Edits are placed before reads, so a read sees what the model
used. Three sites need more than their own module: `resid_mid` is edited where the MLP receives it
and again in the block's output (the skip connection passes no module), `head_out` through the
output projection, and `attn_pattern` comes from the attention module's second output.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from microtome.errors import InputError, SiteError
from microtome.model.edit import Edit, RawReplace, Replace
from microtome.model.extent import Extent, extent_of
from microtome.model.hooks import Taps
from microtome.model.parts import Parts
from microtome.model.site import AXES, Site, positions_of
from microtome.model.tokens import Tokens

Key = tuple[str, int]

# What must be captured to answer a read of each kind; everything else is its own capture.
CAPTURES = {
    "attn_z": ("head_z",),
    "head_out": ("head_z", "o_proj_out"),
    "mlp_normed": ("mlp_norm_in",),
}


@dataclass
class Ports:
    """Taps for one forward pass, and what they caught."""

    parts: Parts
    tokens: Tokens
    adapter: str | None
    keep_graph: bool = False
    taps: Taps = field(default_factory=Taps)
    caught: dict[Key, Tensor] = field(default_factory=dict)
    deltas: dict[Key, Tensor] = field(default_factory=dict)
    scratch: dict[Key, Tensor] = field(default_factory=dict)

    def read(self, sites: Iterable[Site]) -> None:
        """Catch what answers these sites."""
        wanted: set[Key] = set()
        for site in sites:
            self._demand(site)
            for single in site.expand(self.parts.sizes):
                wanted |= {(kind, single.layer) for kind in CAPTURES.get(site.kind, (site.kind,))}
        for kind, layer in sorted(wanted):
            self._catch(kind, layer)

    def write(self, edits: Iterable[Edit]) -> None:
        """Place these edits: those of a layer in the order of its computation."""
        found: list[tuple[Edit, Site]] = []
        for edit in edits:
            self._demand(edit.site)
            self._warn_of_shared_norm(edit.site)
            places = edit.site.places(self.parts.sizes)
            found += [(edit.at(single, place), single) for single, place in places]
        for edit, single in sorted(found, key=lambda item: _rank(item[0])):
            self._place(edit, single)
        # Noted after every edit is placed, so that they are seen as edited.
        for layer in dict.fromkeys(s.layer for _, s in found if s.kind == "resid_mid"):
            self._tap("mlp_out", layer, partial(self.scratch.__setitem__, ("mlp_out", layer)))
        for source in dict.fromkeys(self._source(edit, single) for edit, single in found):
            if source is not None:
                self._demand(source)
                self._note(source)

    def _demand(self, site: Site) -> None:
        anatomy = self.parts.anatomy
        if site.kind == "resid_mid" and anatomy.mid is None:
            raise SiteError(
                f"{site} does not exist in {anatomy.family}: attention and MLP stand in parallel "
                f"there. Use resid_pre or resid_post."
            )
        if site.kind == "mlp_normed" and anatomy.mlp_norm is None:
            raise SiteError(
                f"{site} does not exist in {anatomy.family}: no norm feeds its MLP. Use mlp_in."
            )

    def _warn_of_shared_norm(self, site: Site) -> None:
        """Say that the edit of some heads of q or k rescales the others, where it does."""
        anatomy, sizes = self.parts.anatomy, self.parts.sizes
        if site.kind not in ("q", "k") or not anatomy.shared_qk_norm:
            return
        axis = AXES[site.kind][1]
        if len(positions_of(site.index[1], sizes[axis], axis, site)) < sizes[axis]:
            warnings.warn(
                f"{anatomy.family} normalises {site.kind} over all heads of a layer, after the "
                f"place where it is edited: an edit of one head's {site.kind} also rescales the "
                f"other heads. Edit head_z for one head alone.",
                stacklevel=2,
            )

    # --- carriers -----------------------------------------------------------------------------

    def carrier(self, kind: str, layer: int) -> tuple[nn.Module, str]:
        """The module and the side of it ("in" or "out") that carries a capture."""
        a, block = self.parts.anatomy, self.parts.block
        if kind == "head_out":
            raise SiteError(
                "A head's write is edited by a value, not from another site; "
                "use attn_out or head_z."
            )
        paths: dict[str, tuple[str | None, str]] = {
            "resid_pre": ("", "in"),
            "resid_mid": (a.mid, "in"),
            "resid_post": ("", "out"),
            "attn_out": (a.attn_added, "out"),
            "mlp_out": (a.mlp_added, "out"),
            "mlp_in": (a.mlp, "in"),
            "mlp_act": (a.down_proj, "in"),
            "mlp_norm_in": (a.mlp_norm, "in"),
            "attn_z": (a.o_proj, "in"),
            "head_z": (a.o_proj, "in"),
            "o_proj_out": (a.o_proj, "out"),
        }
        path, side = paths[kind]
        assert path is not None
        return block(layer, path), side

    def _tap(self, kind: str, layer: int, tap: Callable[[Tensor], Tensor | None]) -> None:
        module, side = self.carrier(kind, layer)
        (self.taps.into if side == "in" else self.taps.out_of)[module].append(tap)

    def _catch(self, kind: str, layer: int) -> None:
        if kind == "attn_pattern":
            self.taps.outputs[self.parts.block(layer, self.parts.anatomy.attn)].append(
                lambda output: self._keep((kind, layer), _pattern(output))
            )
        elif kind in "qkv":
            module, heads = self.parts.projection(kind, layer)
            self.taps.out_of[module].append(lambda x: self._keep_heads((kind, layer), x, heads))
        else:
            self._tap(kind, layer, lambda x: self._keep((kind, layer), x))

    def _keep(self, key: Key, x: Tensor) -> None:
        if self.keep_graph:
            if x.requires_grad:
                x.retain_grad()
            self.caught[key] = x
        else:
            self.caught[key] = x.detach().clone()

    def _keep_heads(self, key: Key, x: Tensor, heads: list[slice]) -> Tensor | None:
        """Keep the heads' columns; with a graph, on the path that the model goes on with."""
        self._demand_width(*key, x, heads)
        parts = torch.cat([x[..., columns] for columns in heads], -1)
        self._keep(key, parts)
        if not self.keep_graph:
            return None
        at = torch.cat([torch.arange(c.start, c.stop, device=x.device) for c in heads])
        return x.index_copy(-1, at, parts)

    def _demand_width(self, kind: str, layer: int, x: Tensor, heads: Sequence[slice]) -> None:
        """SiteError where the heads' columns lie outside what the projection puts out."""
        if (end := max(columns.stop for columns in heads)) > x.shape[-1]:
            raise SiteError(
                f"{kind}[{layer}] of {len(heads)} heads ends at column {end} and the projection "
                f"puts out {x.shape[-1]}: the anatomy {self.parts.anatomy.family!r} does not say "
                f"where this model keeps {kind}. Correct its projections or the number of heads."
            )

    # --- edits --------------------------------------------------------------------------------

    def _source(self, edit: Edit, site: Site) -> Site | None:
        """The single site that an edit at `site` reads besides it; layers count from 0."""
        if edit.source is None:
            return None
        (source,) = edit.source.expand(self.parts.sizes)
        if source == site:
            return None
        if len(source.index) > 1:
            raise SiteError(
                f"{source} belongs to one head and cannot feed an edit at {site}; a dictionary "
                f"that writes another site reads one of the whole layer, such as attn_z."
            )
        return source

    def _place(self, edit: Edit, site: Site) -> None:
        if isinstance(edit, Replace) and not isinstance(edit.value, Tensor):
            edit = self._donated(edit, site)
        extent, edit = extent_of(
            edit, self.tokens, getattr(self.parts.config, "bos_token_id", None)
        )
        source = self._source(edit, site)
        if site.kind == "head_out" and source is None:
            self._edit_head(edit, site, extent)
            return
        new = self._new(edit, source, extent)
        if site.kind == "resid_mid":
            self._edit_mid(new, site.layer, extent)
        elif site.kind in ("head_z", "q", "k", "v"):
            self._edit_slice(new, site, extent)
        else:
            self._tap(site.kind, site.layer, lambda x: extent.change(x, new))

    def _new(self, edit: Edit, source: Site | None, extent: Extent) -> Callable[[Tensor], Tensor]:
        """What an edit makes of the touched rows, from what its source carries if it has one."""
        if source is None:
            return edit.apply
        key = (f"source {source.kind}", source.layer)
        return lambda part: edit.apply_from(part, extent.part(self.scratch[key]))

    def _donated(self, edit: Replace, site: Site) -> Replace:
        donor: Any = edit.value
        theirs, own = donor.tokens.mask, self.tokens.mask
        same = theirs.shape[1] == own.shape[1] and len(theirs) in (1, len(own))
        if not same or not bool((theirs.to(own.device) == own).all()):
            raise InputError(
                f"The donor run has {donor.tokens.lengths.tolist()} tokens and this one "
                f"{self.tokens.lengths.tolist()} (or other padding); patching goes position by "
                f"position, so give prompts of equal length."
            )
        raw = site.kind == "head_out" and not edit.frozen
        value = donor.head_write(site) if raw else donor[site]
        kind = RawReplace if raw else Replace
        return kind(site, value, positions=edit.positions, rows=edit.rows, frozen=edit.frozen)

    def _note(self, source: Site) -> None:
        """Keep what a source site carries for the edits that read it."""
        key = (f"source {source.kind}", source.layer)
        normed = source.kind == "mlp_normed"

        def tap(x: Tensor) -> None:
            self.scratch[key] = self.parts.normed(x) if normed else x

        self._tap("mlp_norm_in" if normed else source.kind, source.layer, tap)

    def _edit_slice(self, new: Callable[[Tensor], Tensor], site: Site, extent: Extent) -> None:
        layer, head, width = site.layer, site.head, self.parts.d_head
        if site.kind == "head_z":
            taps = self.taps.into[self.parts.block(layer, self.parts.anatomy.o_proj)]
            columns = slice(head * width, (head + 1) * width)
        else:
            module, heads = self.parts.projection(site.kind, layer)
            taps, columns = self.taps.out_of[module], heads[head]

        def tap(x: Tensor) -> Tensor:
            self._demand_width(site.kind, layer, x, [columns])
            changed = x.clone()
            changed[..., columns] = extent.change(x[..., columns], new)
            return changed

        taps.append(tap)

    def _edit_mid(self, new: Callable[[Tensor], Tensor], layer: int, extent: Extent) -> None:
        """Write the state that the MLP receives, and the sum of it and the MLP's contribution.

        The sum is the one that the model makes, in its own number format, so that what is written
        is what goes on, and an edit that changes nothing keeps the bits.
        """
        key = ("resid_mid", layer)

        def receive(mid: Tensor) -> Tensor:
            self.scratch[key] = extent.change(mid, new)
            return self.scratch[key]

        def skip(post: Tensor) -> Tensor:
            total = extent.part(self.scratch[key] + self.scratch["mlp_out", layer])
            return extent.put(post, torch.where(extent.where, total, extent.part(post)))

        self._tap("resid_mid", layer, receive)
        self._tap("resid_post", layer, skip)

    def _edit_head(self, edit: Edit, site: Site, extent: Extent) -> None:
        """Change a head's write in the projection's sum, or (frozen) its contribution after it."""
        layer, head = site.layer, site.head
        w_o = self.parts.w_o(layer, self.adapter)[head]
        post_norm = self.parts.post_norm(layer, "attn")
        columns = slice(head * self.parts.d_head, (head + 1) * self.parts.d_head)
        frozen = edit.frozen and post_norm is not None
        rescaled = post_norm is not None and not isinstance(edit, RawReplace)
        z_key, o_key = ("head_z", layer), ("o_proj_out", layer)
        raw, seen = (f"raw{head}", layer), (f"seen{head}", layer)

        def delta_of(o: Tensor, z: Tensor, earlier: Tensor, later: Tensor) -> Tensor:
            """How much the touched rows change, in the space where they are changed."""
            now = z[..., columns].float() @ w_o + earlier
            if rescaled:
                assert post_norm is not None
                scale = post_norm.scale(o)
                now = post_norm.frozen(now, scale) + later
            delta = torch.where(extent.where, edit.apply(now) - now, torch.zeros_like(now))
            if rescaled and not frozen:
                assert post_norm is not None
                delta = delta / (scale * post_norm.gain)
            return delta

        def change(x: Tensor, o: Tensor, key: Key) -> Tensor:
            zeros = torch.zeros_like(o, dtype=torch.float32)
            past = [self.deltas.get(k, zeros) for k in (raw, seen)]
            delta = delta_of(*(extent.part(t) for t in (o, self.scratch[z_key], *past)))
            total = self.deltas.get(key, zeros)
            self.deltas[key] = extent.put(total, extent.part(total) + delta)
            return extent.put(x, extent.part(x) + delta.to(x.dtype))

        self._tap("head_z", layer, lambda z: self.scratch.__setitem__(z_key, z))
        if frozen:
            self._tap("o_proj_out", layer, lambda o: self.scratch.__setitem__(o_key, o))
            self._tap("attn_out", layer, lambda a: change(a, self.scratch[o_key], seen))
        else:
            self._tap("o_proj_out", layer, lambda o: change(o, o, raw))


_ORDER = (
    *("resid_pre", "q", "k", "v", "attn_z", "head_z", "head_out", "attn_out", "resid_mid"),
    *("mlp_in", "mlp_act", "mlp_out", "resid_post"),
)


def _rank(edit: Edit) -> tuple[int, bool]:
    """Where an edit stands in a layer's computation; a frozen head edit after the others."""
    return _ORDER.index(edit.site.kind), edit.frozen


def _pattern(output: Any) -> Tensor:
    if not isinstance(output, tuple) or len(output) < 2 or output[1] is None:
        raise SiteError("This model's attention returns no pattern; load it with eager attention.")
    return output[1]
