"""A tiny random model from a target's own configuration and tokenizer, for dry runs.

Architecture, vocabulary, context and the ratio of query to key/value heads are the target's; two
layers and narrow heads make it load in a second. Its numbers mean nothing.
"""

from math import gcd
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from microtome.errors import ModelError
from microtome.model.config import read_config
from microtome.model.quiet import quietly
from microtome.model.source import SPECIMEN, TEXTS, model_source

LAYERS, HEAD_WIDTH, MOST_HEADS = 2, 8, 4


@quietly()
def tiny_model(name: str, folder: Path, *, seed: int = 0) -> Path:
    """Save the stand-in for a model (folder or hub id) into `folder`; fetches no weights."""
    path = _without_weights(name)
    try:
        config = read_config(path, name).get_text_config()
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (ValueError, OSError, KeyError) as error:
        raise ModelError(
            f"No stand-in for {name}: its configuration or tokenizer cannot be read "
            f"({type(error).__name__})."
        ) from error
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(_shrunk(config), dtype=torch.float32).eval()
    with torch.no_grad():
        for value in model.parameters():
            value.add_(0.1 * torch.randn_like(value))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@quietly()
def tiny_adapter(target: Path, base: Path, folder: Path, *, seed: int = 0) -> Path:
    """Save a random LoRA for the stand-in `base`, of the rank and modules of `target`'s."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig.from_pretrained(str(target))
    config.inference_mode = False
    config.base_model_name_or_path = str(base)
    torch.manual_seed(seed)
    peft = get_peft_model(AutoModelForCausalLM.from_pretrained(base), config)
    with torch.no_grad():
        for name, value in peft.named_parameters():
            if "lora_" in name:
                value.copy_(0.1 * torch.randn_like(value))
    peft.save_pretrained(folder)
    return folder


def _without_weights(name: str) -> Path:
    """The folder of a model's configuration and tokenizer; from the hub nothing else is fetched."""
    if name.startswith(SPECIMEN) or Path(name).expanduser().is_dir():
        return model_source(name).path
    import huggingface_hub

    model_source(name, weights=False)
    return Path(huggingface_hub.snapshot_download(name, allow_patterns=list(TEXTS)))


def _shrunk(config: Any) -> Any:
    """The same architecture with few layers and narrow heads; names as the configuration's own."""
    heads = int(config.num_attention_heads)
    kv_heads = int(getattr(config, "num_key_value_heads", None) or heads)
    group = heads // gcd(heads, kv_heads)
    few = group * max(1, MOST_HEADS // group)
    changes = {
        "num_hidden_layers": min(LAYERS, int(config.num_hidden_layers)),
        "num_attention_heads": few,
        "num_key_value_heads": few // group,
        "head_dim": HEAD_WIDTH,
        "hidden_size": few * HEAD_WIDTH,
        "intermediate_size": 2 * few * HEAD_WIDTH,
        "query_pre_attn_scalar": HEAD_WIDTH,
    }
    for name, value in changes.items():
        if hasattr(config, name):
            setattr(config, name, value)
    if getattr(config, "layer_types", None):
        config.layer_types = list(config.layer_types)[: changes["num_hidden_layers"]]
    return config
