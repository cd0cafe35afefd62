"""What passes through a model cost, and how fast this machine does them, told without its weights.

    FLOPs = 2 · matrix entries of a block · blocks · tokens  +  2 · d_model · vocabulary · readouts

The speed is timed on one block of the model's own shape with random weights, in the number format
and on the device of the run, so that whatever slows a real pass (attention, norms, memory) slows
it too. Kaplan et al. 2020, arXiv 2001.08361, for the count.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from microtome.model.anatomy import anatomy_of
from microtome.model.config import config_of
from microtome.model.load import choose_device, choose_dtype

BUDGET = 1.0
"""Seconds that timing may take, building the block aside."""
_VOCABULARY = 64


@dataclass(frozen=True)
class Arithmetic:
    """FLOPs of one token in one block, and of reading one position out."""

    block: int
    readout: int
    layers: int
    heads: int
    context: int | None = None
    """Positions that a prompt and its continuation share; None where nothing bounds them."""

    def passes(self, tokens: float, readouts: float) -> float:
        """FLOPs of whole passes over so many tokens, with so many positions read out."""
        return tokens * self.layers * self.block + readouts * self.readout


@lru_cache(maxsize=8)
def arithmetic(name: str) -> Arithmetic:
    """The arithmetic of a model (hub id, folder or specimen), from its configuration alone."""
    config = _config(name)
    with torch.device("meta"):
        block = _block(_one_block(config, torch.float32))
    entries = sum(value.numel() for value in block.parameters() if value.ndim >= 2)
    return Arithmetic(
        block=2 * entries,
        readout=2 * int(config.hidden_size) * int(config.vocab_size),
        layers=int(config.num_hidden_layers),
        heads=int(config.num_attention_heads),
        context=getattr(config, "max_position_embeddings", None),
    )


def flops_per_second(
    name: str, *, device: str = "auto", dtype: str = "auto", rows: int = 16, tokens: int = 64
) -> float:
    """FLOP/s of this machine on batches of at most `rows` prompts of `tokens` tokens."""
    config, where = _config(name), choose_device(device)
    model = _one_block(config, choose_dtype(dtype, config)).eval().to(where)
    block = arithmetic(name).block

    def seconds(count: int) -> float:
        ids = torch.randint(_VOCABULARY, (count, tokens), device=where)
        return _timed(lambda: model(input_ids=ids, use_cache=False, logits_to_keep=1), where)

    seconds(1)
    once = seconds(1)
    count = max(1, min(rows, int(BUDGET / 4 / once)))
    seconds(count)
    repeats = max(1, min(9, int(BUDGET / 2 / (count * once))))
    median = statistics.median(seconds(count) for _ in range(repeats))
    return block * count * tokens / median


def _timed(call: Callable[[], object], device: torch.device) -> float:
    start = time.perf_counter()
    with torch.no_grad():
        call()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
    return time.perf_counter() - start


def _config(name: str) -> Any:
    return config_of(name).get_text_config()


def _one_block(config: Any, dtype: torch.dtype) -> Any:
    """The same architecture with one block and hardly a vocabulary."""
    small = type(config).from_dict(config.to_dict())
    small.num_hidden_layers = 1
    small.vocab_size = _VOCABULARY
    small.pad_token_id = None
    if getattr(small, "layer_types", None):
        small.layer_types = list(small.layer_types)[:1]
    return AutoModelForCausalLM.from_config(small, dtype=dtype)


def _block(model: Any) -> Any:
    return model.get_submodule(f"{anatomy_of(model.config.model_type).blocks}.0")
