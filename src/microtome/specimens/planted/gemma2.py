"""The planted circuit as the weights of a stock Gemma2ForCausalLM.

RMSNorm has gain 1+w: reading matrices are divided by it. The norms after attention and MLP set the
length of what a sublayer adds, so their gains carry the designed lengths. Two query heads share
one key/value head: its keys are common, its values hold both heads' halves. The MLP's `up` reads
the constant code and is near 1; without biases the constant head reads that code too. Attention and
final soft-caps (50, 30) and the sliding window (8, even layers) are on.
"""

import torch
from torch import Tensor
from transformers import Gemma2Config

from microtome.specimens.planted.circuit import (
    D_HEAD,
    D_MLP,
    D_MODEL,
    D_VALUE,
    N_HEADS,
    N_LAYERS,
    ROTARY_BASE,
    Attention,
    Circuit,
    Mlp,
    read_scale,
)
from microtome.specimens.planted.task import N_POSITIONS, VOCABULARY

Weights = dict[str, Tensor]


def gemma2_config() -> Gemma2Config:
    """Four layers of four query and two key/value heads, d_model 128, untied unembedding."""
    return Gemma2Config(
        vocab_size=len(VOCABULARY),
        hidden_size=D_MODEL,
        intermediate_size=D_MLP,
        num_hidden_layers=N_LAYERS,
        num_attention_heads=N_HEADS,
        num_key_value_heads=N_HEADS // 2,
        head_dim=D_HEAD,
        query_pre_attn_scalar=D_HEAD,
        max_position_embeddings=N_POSITIONS,
        sliding_window=8,
        rope_parameters={"rope_type": "default", "rope_theta": ROTARY_BASE},
        bos_token_id=VOCABULARY.index("<bos>"),
        eos_token_id=VOCABULARY.index("<pad>"),
        pad_token_id=VOCABULARY.index("<pad>"),
        tie_word_embeddings=False,
    )


def gemma2_weights(circuit: Circuit, generator: torch.Generator) -> Weights:
    """All parameters by name."""
    constant = circuit.codes.constant[0]
    embedding = (circuit.codes.token + constant) / D_MODEL**0.5
    weights = {"model.embed_tokens.weight": embedding}
    for index, (attention, mlp) in enumerate(circuit.layers):
        block = {**_attention(attention, constant, generator), **_mlp(mlp, constant, generator)}
        weights |= {f"model.layers.{index}.{name}": value for name, value in block.items()}
    gain = _gain(generator)
    weights["model.norm.weight"] = gain - 1
    weights["lm_head.weight"] = circuit.unembed * read_scale(circuit.length) / gain
    return weights


def _gain(generator: torch.Generator) -> Tensor:
    return 1 + 0.1 * torch.randn(D_MODEL, generator=generator)


def _attention(attention: Attention, constant: Tensor, generator: torch.Generator) -> Weights:
    value = torch.zeros(D_MODEL, N_HEADS, D_VALUE)
    output = torch.zeros(N_HEADS, 2, D_VALUE, D_MODEL)  # a head reads one half of the pair's values
    for index, head in enumerate(attention.heads):
        value[:, index], output[index, index % 2] = head.value, head.output
        if head.constant is not None:
            value[:, index, 0], output[index, index % 2, 0] = constant, head.constant
    query = torch.cat([head.query for head in attention.heads], 1)
    gain, post = _gain(generator), _gain(generator)
    scale = read_scale(attention.length) / gain
    return {
        "input_layernorm.weight": gain - 1,
        "self_attn.q_proj.weight": query.T * scale,
        "self_attn.k_proj.weight": torch.cat(attention.keys, 1).T * scale,
        "self_attn.v_proj.weight": value.flatten(1).T * scale,
        "self_attn.o_proj.weight": output.flatten(0, 2).T / post[:, None],
        "post_attention_layernorm.weight": post * attention.written / D_MODEL**0.5 - 1,
    }


def _mlp(mlp: Mlp, constant: Tensor, generator: torch.Generator) -> Weights:
    gain, post = _gain(generator), _gain(generator)
    scale = read_scale(mlp.length) / gain
    return {
        "pre_feedforward_layernorm.weight": gain - 1,
        "mlp.gate_proj.weight": mlp.read.T * scale,
        "mlp.up_proj.weight": (constant * scale).repeat(D_MLP, 1),
        "mlp.down_proj.weight": mlp.write.T / post[:, None],
        "post_feedforward_layernorm.weight": post * mlp.written / D_MODEL**0.5 - 1,
    }
