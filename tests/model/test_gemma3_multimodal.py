"""A multimodal Gemma-3 checkpoint keeps its layers under `model.language_model`."""

import pytest
import torch
from transformers import Gemma3Config, Gemma3ForConditionalGeneration

import microtome as mt
from tests.model.families import CONFIGS, byte_tokenizer

pytestmark = pytest.mark.medium


def test_the_language_model_of_a_multimodal_checkpoint_is_read(tmp_path):
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    config = Gemma3Config(
        text_config=CONFIGS["gemma3_text"], vision_config=vision, mm_tokens_per_image=4,
        image_token_index=299, boi_token_index=298, eoi_token_index=297,
    )  # fmt: skip
    torch.manual_seed(0)
    Gemma3ForConditionalGeneration(config).eval().save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    model = mt.load(str(tmp_path))
    assert model.parts.anatomy.blocks == "model.language_model.layers"
    assert all(audit.passed for audit in mt.check(model))
    split = mt.attribute(model, "hello", model.direction(50, 60))
    assert all(audit.passed for audit in split.audit)
