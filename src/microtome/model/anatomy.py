"""Where each architecture keeps its parts: data, no branches on model names.

Paths are attribute paths; those of a block are relative to the block. `attn_added` and
`mlp_added` name the module whose *output* is added to the residual stream (the post-norm where
there is one), `mid` the module whose *input* is `resid_mid` (None in parallel blocks). A norm is
y = s·gain ⊙ (x − mean·centred) + bias with gain = weight + `norm_offset` and
s = rsqrt(mean((x − mean·centred)²) + eps). An entry is believed only after `check.py` has
verified its identities on the loaded weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from microtome.errors import UnknownFamilyError


@dataclass(frozen=True)
class Anatomy:
    """One architecture's entry; see the module docstring for the fields."""

    family: str
    blocks: str = "model.layers"
    embed: str = "model.embed_tokens"
    position_embed: str | None = None
    final_norm: str = "model.norm"
    lm_head: str = "lm_head"
    attn: str = "self_attn"
    o_proj: str = "self_attn.o_proj"
    mlp: str = "mlp"
    down_proj: str = "mlp.down_proj"
    attn_added: str = "self_attn"
    mlp_added: str = "mlp"
    attn_post_norm: str | None = None
    mlp_post_norm: str | None = None
    mid: str | None = "post_attention_layernorm"
    projections: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType(
            {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj"}
        )
    )
    norm_offset: float = 0.0
    norm_eps: str = "variance_epsilon"
    centred: bool = False
    transposed: bool = False
    softcap: str | None = None

    @property
    def fused(self) -> bool:
        """Whether q, k and v come out of one projection, one after the other."""
        return len(set(self.projections.values())) == 1


_LLAMA = Anatomy("llama")
_GEMMA2 = Anatomy(
    "gemma2",
    attn_added="post_attention_layernorm",
    mlp_added="post_feedforward_layernorm",
    attn_post_norm="post_attention_layernorm",
    mlp_post_norm="post_feedforward_layernorm",
    mid="pre_feedforward_layernorm",
    norm_offset=1.0,
    norm_eps="eps",
    softcap="final_logit_softcapping",
)
_GPT2 = Anatomy(
    "gpt2",
    blocks="transformer.h",
    embed="transformer.wte",
    position_embed="transformer.wpe",
    final_norm="transformer.ln_f",
    attn="attn",
    o_proj="attn.c_proj",
    mlp="mlp",
    down_proj="mlp.c_proj",
    attn_added="attn",
    mlp_added="mlp",
    mid="ln_2",
    projections=MappingProxyType(dict.fromkeys("qkv", "attn.c_attn")),
    norm_eps="eps",
    centred=True,
    transposed=True,
)

FAMILIES: dict[str, Anatomy] = {
    entry.family: entry for entry in (_LLAMA, replace(_LLAMA, family="qwen3"), _GEMMA2, _GPT2)
}


def anatomy_of(model_type: str) -> Anatomy:
    """The entry for a Hugging Face `config.model_type`; UnknownFamilyError says how to add one."""
    if model_type not in FAMILIES:
        raise UnknownFamilyError(
            f"The architecture {model_type!r} has no anatomy here; known are "
            f"{', '.join(sorted(FAMILIES))}. Pass load(..., anatomy=Anatomy({model_type!r}, ...)) "
            f"with the paths of its parts; `microtome check` verifies them."
        )
    return FAMILIES[model_type]
