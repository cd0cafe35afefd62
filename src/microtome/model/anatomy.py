"""Where each architecture keeps its parts: data, no branches on model names.

Paths are attribute paths; those of a block are relative to the block. `attn_added` and
`mlp_added` name the module whose *output* is added to the residual stream (the post-norm where
there is one), `mid` the module whose *input* is `resid_mid` (None in parallel blocks; `parallel`
is the switch of a configuration that has both), `mlp_norm` the norm that feeds the MLP (None where
there is none). A fused projection holds q, k, v one
after the other, or `interleaved` per head; `shared_qk_norm` says that q and k are then normalised
over all heads of a layer. A norm is
y = s·gain ⊙ (x − mean·centred) + bias with gain = weight + `norm_offset` and
s = rsqrt(mean((x − mean·centred)²) + eps). An entry is believed only after `check.py` has
verified its identities on the loaded weights.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

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
    parallel: str | None = None
    mlp_norm: str | None = "post_attention_layernorm"
    projections: Mapping[str, str] = field(
        default_factory=lambda: MappingProxyType(
            {"q": "self_attn.q_proj", "k": "self_attn.k_proj", "v": "self_attn.v_proj"}
        )
    )
    interleaved: bool = False
    shared_qk_norm: bool = False
    norm_offset: float = 0.0
    norm_eps: str = "variance_epsilon"
    centred: bool = False
    transposed: bool = False
    softcap: str | None = None

    def of(self, config: Any) -> "Anatomy":
        """This entry for one configuration: without `resid_mid` where its blocks are parallel."""
        parallel = self.parallel is not None and bool(getattr(config, self.parallel, False))
        return replace(self, mid=None) if parallel else self

    @property
    def fused(self) -> bool:
        """Whether q, k and v come out of one projection, one after the other."""
        return len(set(self.projections.values())) == 1


_LLAMA = Anatomy("llama")
_GEMMA = replace(_LLAMA, family="gemma", norm_offset=1.0, norm_eps="eps")
_GEMMA2 = replace(
    _GEMMA,
    family="gemma2",
    attn_added="post_attention_layernorm",
    mlp_added="post_feedforward_layernorm",
    attn_post_norm="post_attention_layernorm",
    mlp_post_norm="post_feedforward_layernorm",
    mid="pre_feedforward_layernorm",
    mlp_norm="pre_feedforward_layernorm",
    softcap="final_logit_softcapping",
)
_GEMMA3 = replace(_GEMMA2, family="gemma3_text", softcap=None)
_OLMO2 = replace(
    _LLAMA,
    family="olmo2",
    attn_added="post_attention_layernorm",
    mlp_added="post_feedforward_layernorm",
    attn_post_norm="post_attention_layernorm",
    mlp_post_norm="post_feedforward_layernorm",
    mid="mlp",
    mlp_norm=None,
    shared_qk_norm=True,
)
_GPT2 = Anatomy(
    "gpt2",
    blocks="transformer.h",
    embed="transformer.wte",
    position_embed="transformer.wpe",
    final_norm="transformer.ln_f",
    attn="attn",
    o_proj="attn.c_proj",
    down_proj="mlp.c_proj",
    attn_added="attn",
    mid="ln_2",
    mlp_norm="ln_2",
    projections=MappingProxyType(dict.fromkeys("qkv", "attn.c_attn")),
    norm_eps="eps",
    centred=True,
    transposed=True,
)
_NEOX = Anatomy(
    "gpt_neox",
    blocks="gpt_neox.layers",
    embed="gpt_neox.embed_in",
    final_norm="gpt_neox.final_layer_norm",
    attn="attention",
    o_proj="attention.dense",
    down_proj="mlp.dense_4h_to_h",
    attn_added="attention",
    parallel="use_parallel_residual",
    projections=MappingProxyType(dict.fromkeys("qkv", "attention.query_key_value")),
    interleaved=True,
    norm_eps="eps",
    centred=True,
)
_PHI3 = replace(
    _LLAMA,
    family="phi3",
    projections=MappingProxyType(dict.fromkeys("qkv", "self_attn.qkv_proj")),
)
_MULTIMODAL: dict[str, Any] = {
    "family": "gemma3",
    "blocks": "model.language_model.layers",
    "embed": "model.language_model.embed_tokens",
    "final_norm": "model.language_model.norm",
}

FAMILIES: dict[str, Anatomy] = {
    entry.family: entry
    for entry in (
        *(replace(_LLAMA, family=name) for name in ("llama", "mistral", "qwen2", "qwen3")),
        *(_GEMMA, _GEMMA2, _GEMMA3, replace(_GEMMA3, **_MULTIMODAL)),
        *(_OLMO2, _GPT2, _NEOX, _PHI3),
    )
}


def anatomy_of(model_type: str) -> Anatomy:
    """The entry for a Hugging Face `config.model_type`; UnknownFamilyError shows how to add one."""
    if model_type not in FAMILIES:
        raise UnknownFamilyError(
            f"The architecture {model_type!r} has no anatomy here; known are "
            f"{', '.join(sorted(FAMILIES))}. Add one and `microtome check` verifies it:\n"
            f"    from microtome.model.anatomy import FAMILIES, Anatomy\n"
            f"    FAMILIES[{model_type!r}] = Anatomy({model_type!r},\n"
            f'        blocks="model.layers", final_norm="model.norm", attn="self_attn",\n'
            f'        o_proj="self_attn.o_proj", mlp="mlp", down_proj="mlp.down_proj",\n'
            f'        attn_added="self_attn", mlp_added="mlp", mid="post_attention_layernorm")'
        )
    return FAMILIES[model_type]
