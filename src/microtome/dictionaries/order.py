"""Which of two sites a forward pass computes first: by layer, and inside a block by this list."""

from microtome.model.site import Site

_STAGES = (
    ("resid_pre",),
    ("q", "k", "v"),
    ("attn_pattern",),
    ("head_z", "attn_z"),
    ("head_out", "attn_out"),
    ("resid_mid",),
    ("mlp_normed",),
    ("mlp_in",),
    ("mlp_act",),
    ("mlp_out",),
    ("resid_post",),
)
_STAGE = {kind: stage for stage, kinds in enumerate(_STAGES) for kind in kinds}


def precedes(one: Site, other: Site) -> bool:
    """Whether `one` is computed before `other`; False where the layers cannot be compared.

    That is a slice of layers, or one layer counted from the end and the other from the start.
    """
    a, b = one.index[0], other.index[0]
    if not isinstance(a, int) or not isinstance(b, int) or (a < 0) != (b < 0):
        return False
    return (a, _STAGE[one.kind]) < (b, _STAGE[other.kind])
