"""How much memory a model's weights and a batch's activations take, told from its configuration.

    weights      parameters · bytes of the number format (an adapter's in fp32)
    activations  rows · tokens · layers · (4 d_model + n_heads d_head) · bytes: what attribution
                 reads; and rows · vocabulary · 12: the last position's logits in fp32 and fp64

A prediction of the larger parts, on top of which the process itself takes a gibibyte or less.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM

from microtome.model.config import config_of
from microtome.model.load import choose_dtype


def predicted_bytes(
    name: str,
    *,
    dtype: str = "auto",
    rows: int = 16,
    tokens: int = 64,
    adapters: Sequence[Path] = (),
) -> int:
    """Bytes for a model (hub id, folder or specimen), its adapters, and batches of that size."""
    config = config_of(name)
    number = choose_dtype(dtype, config).itemsize
    with torch.device("meta"):
        hf = AutoModelForCausalLM.from_config(config)
    weights = number * sum(value.numel() for value in hf.parameters())
    text = config.get_text_config()
    heads = text.num_attention_heads
    width = 4 * text.hidden_size + heads * (
        getattr(text, "head_dim", None) or text.hidden_size // heads
    )
    activations = rows * tokens * text.num_hidden_layers * width * number
    logits = rows * text.vocab_size * 12
    return weights + activations + logits + sum(_adapter_bytes(folder) for folder in adapters)


def _adapter_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))
