"""Addresses of a model's internals: `resid_post[12]`, `head_out[5, 3]`, `k[:, 0]`.

A site is a kind and one index per axis of that kind (a layer, and for heads a head). Integers
drop their axis, slices keep it, as in numpy: `run[resid_post[:]]` has shape "layer batch pos
d_model" and `run[head_out[5, 3]]` "batch pos d_model".

`resid_pre resid_mid resid_post` are states of the residual stream; `attn_out mlp_out head_out`
are contributions to it (after a post-norm where there is one); `mlp_in` is the MLP's input,
`mlp_normed` the same without the norm's gain, `mlp_act` its neurons; `attn_z` is the output
projection's input, `head_z` one head's part of it; `q k v` are per head as the projections put
them out, before a q/k-norm (Qwen3, Gemma-3, OLMo-2) and before rotation; `attn_pattern` is
"batch query key" per head.
"""

import re
from dataclasses import dataclass

from microtome.errors import SiteError, suggest

AXES: dict[str, tuple[str, ...]] = {
    "resid_pre": ("layer",),
    "resid_mid": ("layer",),
    "resid_post": ("layer",),
    "attn_out": ("layer",),
    "mlp_in": ("layer",),
    "mlp_normed": ("layer",),
    "mlp_act": ("layer",),
    "mlp_out": ("layer",),
    "attn_z": ("layer",),
    "head_z": ("layer", "head"),
    "head_out": ("layer", "head"),
    "q": ("layer", "head"),
    "k": ("layer", "kv_head"),
    "v": ("layer", "kv_head"),
    "attn_pattern": ("layer", "head"),
}
READ_ONLY = frozenset({"mlp_normed", "attn_pattern"})

_HOOKS = {
    "hook_resid_pre": "resid_pre",
    "hook_resid_mid": "resid_mid",
    "hook_resid_post": "resid_post",
    "hook_attn_out": "attn_out",
    "hook_mlp_in": "mlp_in",
    "hook_mlp_out": "mlp_out",
    "mlp.hook_post": "mlp_act",
    "attn.hook_z": "head_z",
    "attn.hook_q": "q",
    "attn.hook_k": "k",
    "attn.hook_v": "v",
    "attn.hook_pattern": "attn_pattern",
}


@dataclass(frozen=True)
class Span:
    """A hashable slice (Python 3.11's own is not)."""

    start: int | None = None
    stop: int | None = None
    step: int | None = None

    def __str__(self) -> str:
        bounds = (
            f"{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}"
        )
        return bounds if self.step is None else f"{bounds}:{self.step}"


Index = int | Span


@dataclass(frozen=True)
class Site:
    """One address: a kind and an index for each of its axes."""

    kind: str
    index: tuple[Index, ...]

    def __str__(self) -> str:
        return f"{self.kind}[{', '.join(map(str, self.index))}]"

    @property
    def layer(self) -> int:
        """The layer of a single site."""
        assert isinstance(self.index[0], int)
        return self.index[0]

    @property
    def head(self) -> int:
        """The head of a single site that has one."""
        assert isinstance(self.index[1], int)
        return self.index[1]

    @property
    def component(self) -> str:
        """The name of a single component, as tables print it: L12H3, L12_MLP, L12_ATTN."""
        if not all(isinstance(i, int) for i in self.index):
            raise SiteError(f"{self} names several components; index every axis with an integer.")
        layer = f"L{self.index[0]}"
        if self.kind == "head_out":
            return f"{layer}H{self.index[1]}"
        if len(self.index) == 2:
            return f"{layer}H{self.index[1]}_{self.kind}"
        return f"{layer}_{ {'mlp_out': 'MLP', 'attn_out': 'ATTN'}.get(self.kind, self.kind) }"

    def places(self, sizes: dict[str, int]) -> list[tuple["Site", tuple[int, ...]]]:
        """Every single site it names, with its place along the axes that slices keep."""
        found: list[tuple[tuple[int, ...], tuple[int, ...]]] = [((), ())]
        for axis, index in zip(AXES[self.kind], self.index, strict=True):
            chosen = positions_of(index, sizes[axis], axis, self)
            kept = isinstance(index, Span)
            found = [
                ((*head, i), (*place, at) if kept else place)
                for head, place in found
                for at, i in enumerate(chosen)
            ]
        return [(Site(self.kind, index), place) for index, place in found]

    def expand(self, sizes: dict[str, int]) -> list["Site"]:
        """Every single site it names, in a model whose axes have these sizes."""
        return [site for site, _ in self.places(sizes)]


def positions_of(index: Index, size: int, axis: str, site: Site) -> list[int]:
    """The integers an index names on an axis of `size`; a SiteError if out of range."""
    if isinstance(index, Span):
        if index.step == 0:
            raise SiteError(f"{site} steps by 0; use a step of at least 1.")
        chosen = list(range(size))[slice(index.start, index.stop, index.step)]
        if not chosen:
            raise SiteError(f"{site} names no {axis}: this model has {axis}s 0 to {size - 1}.")
        return chosen
    if not -size <= index < size:
        raise SiteError(
            f"{site} asks for {axis} {index}; this model has {axis}s 0 to {size - 1}. "
            f"Use one of those (negative counts from the end)."
        )
    return [index % size]


@dataclass(frozen=True)
class SiteKind:
    """A kind of site, waiting for its index: `resid_post[12]`."""

    kind: str

    def __getitem__(self, index: int | slice | tuple[int | slice, ...]) -> Site:
        items = index if isinstance(index, tuple) else (index,)
        axes = AXES[self.kind]
        if len(items) > len(axes):
            raise SiteError(
                f"{self.kind} has the axes {', '.join(axes)}; {len(items)} indices were given. "
                f"Write {self.kind}[{', '.join('0' for _ in axes)}]."
            )
        filled = items + (slice(None),) * (len(axes) - len(items))
        return Site(self.kind, tuple(_frozen(i, self.kind) for i in filled))

    def __repr__(self) -> str:
        return f"{self.kind}[{', '.join(AXES[self.kind])}]"


def _frozen(index: object, kind: str) -> Index:
    if isinstance(index, slice):
        return Span(index.start, index.stop, index.step)
    if isinstance(index, bool) or not hasattr(index, "__index__"):
        raise SiteError(f"{kind} is indexed with integers and slices; {index!r} is neither.")
    return int(index.__index__())


def parse_site(text: str) -> Site:
    """Read `resid_post[12]`, `blocks.12.hook_resid_post`, `L5H3`, `L15_MLP` or `L15_ATTN`."""
    if found := re.fullmatch(r"blocks\.(\d+)\.(.+)", text):
        layer, hook = int(found[1]), found[2]
        if hook not in _HOOKS:
            raise SiteError(f"Unknown hook {hook!r} in {text!r}.{suggest(hook, _HOOKS)}")
        return SiteKind(_HOOKS[hook])[layer]
    if found := re.fullmatch(r"L(\d+)H(\d+)", text):
        return Site("head_out", (int(found[1]), int(found[2])))
    if found := re.fullmatch(r"L(\d+)_(MLP|ATTN)", text):
        return Site("mlp_out" if found[2] == "MLP" else "attn_out", (int(found[1]),))
    if found := re.fullmatch(r"(\w+)\[([-\d:, ]*)\]", text):
        return _parse_indexed(text, found[1], found[2])
    raise SiteError(
        f"{text!r} is not a site: write resid_post[12], head_out[5, 3], L5H3, L15_MLP or "
        f"blocks.12.hook_resid_post."
    )


def _parse_indexed(text: str, kind: str, inside: str) -> Site:
    if kind not in AXES:
        raise SiteError(f"Unknown kind of site {kind!r} in {text!r}.{suggest(kind, AXES)}")
    items: list[int | slice] = []
    for part in inside.split(","):
        if not re.fullmatch(r"\s*(-?\d+)?\s*(:\s*(-?\d+)?\s*){0,2}", part):
            raise SiteError(f"The index {part.strip()!r} in {text!r} is neither number nor slice.")
        bounds = [int(b) if b.strip() else None for b in part.split(":")]
        if len(bounds) == 1 and bounds[0] is not None:
            items.append(bounds[0])
        elif 2 <= len(bounds) <= 3:
            items.append(slice(*bounds))
        else:
            raise SiteError(f"The index {part.strip()!r} in {text!r} is neither number nor slice.")
    return SiteKind(kind)[tuple(items)]


resid_pre, resid_mid, resid_post = map(SiteKind, ("resid_pre", "resid_mid", "resid_post"))
attn_out, mlp_out, head_out = map(SiteKind, ("attn_out", "mlp_out", "head_out"))
mlp_in, mlp_normed, mlp_act = map(SiteKind, ("mlp_in", "mlp_normed", "mlp_act"))
attn_z, head_z, attn_pattern = map(SiteKind, ("attn_z", "head_z", "attn_pattern"))
q, k, v = map(SiteKind, ("q", "k", "v"))
