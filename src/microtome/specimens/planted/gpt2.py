"""The planted circuit as the weights of a stock GPT2LMHeadModel.

Conv1D keeps weights as [in, out]. A LayerNorm hands on g*n + b: each reading matrix W becomes W/g
and its bias loses b @ (W/g), so that gains and biases are random and the circuit is not. The
constant head is a bias of its values.
"""

import torch
from torch import Tensor
from transformers import GPT2Config

from microtome.specimens.planted.circuit import (
    D_HEAD,
    D_MLP,
    D_MODEL,
    D_VALUE,
    N_HEADS,
    N_LAYERS,
    Attention,
    Circuit,
    Mlp,
    read_scale,
)
from microtome.specimens.planted.task import N_POSITIONS, VOCABULARY

Weights = dict[str, Tensor]


def gpt2_config() -> GPT2Config:
    """Four layers of four heads, d_model 128, no dropout, untied unembedding."""
    return GPT2Config(
        vocab_size=len(VOCABULARY),
        n_positions=N_POSITIONS,
        n_embd=D_MODEL,
        n_layer=N_LAYERS,
        n_head=N_HEADS,
        n_inner=D_MLP,
        bos_token_id=VOCABULARY.index("<bos>"),
        eos_token_id=VOCABULARY.index("<pad>"),
        pad_token_id=VOCABULARY.index("<pad>"),
        tie_word_embeddings=False,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )


def gpt2_weights(circuit: Circuit, generator: torch.Generator) -> Weights:
    """All parameters by name."""
    weights: Weights = {
        "transformer.wte.weight": circuit.codes.token + circuit.codes.constant,
        "transformer.wpe.weight": circuit.codes.position,
    }
    for index, (attention, mlp) in enumerate(circuit.layers):
        block = {**_attention(attention, generator), **_mlp(mlp, generator)}
        weights |= {f"transformer.h.{index}.{name}": value for name, value in block.items()}
    weights |= _norm("transformer.ln_f", generator)
    gain = weights["transformer.ln_f.weight"]
    weights["lm_head.weight"] = circuit.unembed * read_scale(circuit.length) / gain
    return weights


def _norm(name: str, generator: torch.Generator) -> Weights:
    gain = 1 + 0.1 * torch.randn(D_MODEL, generator=generator)
    bias = 0.05 * torch.randn(D_MODEL, generator=generator)
    return {f"{name}.weight": gain, f"{name}.bias": bias}


def _read(name: str, read: Tensor, length: float, norm: Weights) -> Weights:
    gain, bias = norm.values()
    weight = read * read_scale(length) / gain[:, None]
    return {f"{name}.weight": weight, f"{name}.bias": -bias @ weight}


def _attention(attention: Attention, generator: torch.Generator) -> Weights:
    query = torch.cat([head.query for head in attention.heads], 1)
    key = torch.cat([attention.keys[index // 2] for index in range(N_HEADS)], 1)
    value = torch.zeros(D_MODEL, N_HEADS, D_HEAD)
    output = torch.zeros(N_HEADS, D_HEAD, D_MODEL)
    constant = torch.zeros(N_HEADS, D_HEAD)
    for index, head in enumerate(attention.heads):
        value[:, index, :D_VALUE], output[index, :D_VALUE] = head.value, head.output
        if head.constant is not None:
            constant[index, 0], output[index, 0] = 1.0, head.constant
    norm = _norm("ln_1", generator)
    read = torch.cat([query, key, value.flatten(1)], 1)
    weights = norm | _read("attn.c_attn", read, attention.length, norm)
    weights["attn.c_attn.bias"][2 * D_MODEL :] += constant.flatten()
    weights["attn.c_proj.weight"] = output.flatten(0, 1)
    weights["attn.c_proj.bias"] = 0.01 * torch.randn(D_MODEL, generator=generator)
    return weights


def _mlp(mlp: Mlp, generator: torch.Generator) -> Weights:
    norm = _norm("ln_2", generator)
    weights = norm | _read("mlp.c_fc", mlp.read, mlp.length, norm)
    weights["mlp.c_proj.weight"] = mlp.write
    weights["mlp.c_proj.bias"] = 0.01 * torch.randn(D_MODEL, generator=generator)
    return weights
