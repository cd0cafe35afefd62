"""The arithmetic counted from a configuration is a pass's own, and so is the speed."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import AutoModelForCausalLM

from microtome.model import speed
from microtome.model.speed import arithmetic, flops_per_second
from tests.model.families import params, random_model


@pytest.mark.parametrize("family", params())
def test_the_count_is_that_of_a_pass(checkpoint, family):
    folder = checkpoint(family)
    hf = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager").eval()
    ids = torch.randint(3, 200, (2, 16))
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        hf(input_ids=ids, use_cache=False, logits_to_keep=1)
    found = arithmetic(str(folder)).passes(ids.numel(), readouts=len(ids))
    mixing = 2 * 2 * ids.numel() * 16 * 3 * 4 * 12
    # Attention's own products are left to the timing; on real widths they are a few per cent.
    assert found <= counter.get_total_flops() <= found + 1.1 * mixing


def test_layers_and_heads_are_the_models(checkpoint):
    one = arithmetic(str(checkpoint("gemma2")))
    assert (one.layers, one.heads) == (3, 4)


@pytest.mark.parametrize("gigaflops", [0.001, 1.0, 1000.0])
def test_the_speed_predicts_a_pass(tmp_path, monkeypatch, gigaflops):
    """On a machine whose clock moves with the arithmetic done, and with nothing else."""
    hf = random_model(
        "gemma2", hidden_size=256, intermediate_size=1024, num_hidden_layers=6, head_dim=64
    )
    hf.save_pretrained(tmp_path)
    ids = torch.randint(3, 200, (8, 64))
    with FlopCounterMode(display=False) as counter:
        monkeypatch.setattr(
            speed.time, "perf_counter", lambda: counter.get_total_flops() / (1e9 * gigaflops)
        )
        timed = flops_per_second(str(tmp_path), device="cpu", rows=8, tokens=64)
        expected = arithmetic(str(tmp_path)).passes(ids.numel(), readouts=8) / timed
        start = speed.time.perf_counter()
        with torch.no_grad():
            hf(input_ids=ids, use_cache=False, logits_to_keep=1)
        assert expected == pytest.approx(speed.time.perf_counter() - start, rel=0.05)


def test_the_number_format_is_the_runs(tmp_path):
    random_model("llama").save_pretrained(tmp_path)
    for dtype in ("float32", "bfloat16"):
        assert flops_per_second(str(tmp_path), device="cpu", dtype=dtype, tokens=8) > 1e6
