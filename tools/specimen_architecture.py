"""The architecture of `specimen:world`."""

from __future__ import annotations

from transformers import Gemma2Config, PreTrainedTokenizerFast


def config(tokenizer: PreTrainedTokenizerFast) -> Gemma2Config:
    """The architecture: Gemma-2 in small, with a window that documents outgrow."""
    return Gemma2Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=5,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        query_pre_attn_scalar=32,
        sliding_window=64,
        max_position_embeddings=512,
        attn_logit_softcapping=50.0,
        final_logit_softcapping=30.0,
        tie_word_embeddings=True,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        attn_implementation="eager",
    )
