"""Tiny random models of each real architecture, norms moved away from identity, saved to disk."""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

VOCAB = 300
COMMON = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS: dict[str, dict[str, Any]] = {
    "gpt2": {
        "vocab_size": VOCAB, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 64,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    },
    "llama": {**COMMON, "head_dim": 8},
    "qwen3": COMMON,
    "gemma2": {**COMMON, "sliding_window": 5, "query_pre_attn_scalar": 12},
    "gemma": COMMON,
    "gemma3_text": {
        **COMMON, "sliding_window": 5, "query_pre_attn_scalar": 12, "sliding_window_pattern": 2,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
    },
    "gpt_neox": {
        "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
        "num_attention_heads": 4, "max_position_embeddings": 64, "rotary_pct": 0.5,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    },
    "gpt_neox-sequential": {
        "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3,
        "num_attention_heads": 4, "max_position_embeddings": 64, "rotary_pct": 0.5,
        "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "use_parallel_residual": False,
    },
    "mistral": {**COMMON, "sliding_window": 5},
    "qwen2": {k: v for k, v in COMMON.items() if k != "head_dim"},
    "phi3": {k: v for k, v in COMMON.items() if k != "head_dim"},
    "olmo2": {k: v for k, v in COMMON.items() if k != "head_dim"},
}  # fmt: skip


CORE = ("gemma2", "gpt2")


def params() -> list[Any]:
    """Every family as a pytest parameter; those beside the core are of medium speed."""
    import pytest

    return [pytest.param(f, marks=() if f in CORE else pytest.mark.medium) for f in sorted(CONFIGS)]


def random_model(family: str, seed: int = 0, **changes: Any) -> Any:
    """A random model whose every parameter (norms and biases too) is away from its default.

    What follows a dash names a variant of the same architecture.
    """
    torch.manual_seed(seed)
    config = CONFIG_MAPPING[family.partition("-")[0]](**{**CONFIGS[family], **changes})
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for name, value in model.named_parameters():
            scale = 0.3 if "norm" in name or "ln_" in name or "bias" in name else 0.15
            value.add_(scale * torch.randn_like(value))
    return model


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte, BOS in front: enough to tokenise anything."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {t: i for i, t in enumerate(["<pad>", "<bos>", "<eos>", *alphabet])}
    core = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.post_processor = processors.TemplateProcessing(
        single="<bos> $A", special_tokens=[("<bos>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<bos>", eos_token="<eos>"
    )


def save(family: str, folder: Path, **changes: Any) -> Path:
    """A random model and its tokenizer as a folder that `from_pretrained` opens."""
    random_model(family, **changes).save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


TARGETS = {
    "gpt_neox": ["query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"],
    "phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"],
    "gpt2": ["c_attn", "c_proj", "c_fc"],
    "llama": ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
}


def save_adapter(base: Path, folder: Path, seed: int = 1) -> Path:
    """A real PEFT LoRA with a non-zero delta on every projection."""
    from peft import LoraConfig, get_peft_model

    hf = AutoModelForCausalLM.from_pretrained(base)
    targets = TARGETS.get(hf.config.model_type, TARGETS["llama"])
    torch.manual_seed(seed)
    peft = get_peft_model(
        hf, LoraConfig(r=4, lora_alpha=8, target_modules=targets, task_type="CAUSAL_LM")
    )
    with torch.no_grad():
        for name, value in peft.named_parameters():
            if "lora_" in name:
                value.copy_(0.15 * torch.randn_like(value))
    peft.save_pretrained(folder)
    return folder
