"""A dictionary of GemmaScope's full size in little memory: 2304 x 16384, random."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

GIB = 2**30
WORK = """
import sys, torch
from transformers import AutoTokenizer, Gemma2Config, Gemma2ForCausalLM
import microtome as mt
from microtome.dictionaries.load import load_dictionary
from microtome.specimens import world

folder = sys.argv[1]
tokenizer = AutoTokenizer.from_pretrained(world.folder())
config = Gemma2Config(
    hidden_size=2304, num_hidden_layers=2, intermediate_size=64, num_attention_heads=2,
    num_key_value_heads=1, head_dim=16, vocab_size=len(tokenizer), sliding_window=16,
)
torch.manual_seed(0)
Gemma2ForCausalLM(config).save_pretrained(folder + "/model")
tokenizer.save_pretrained(folder + "/model")
model = mt.load(folder + "/model")
text = [[tokenizer.bos_token_id, *range(10, 73)]]
plain = model.run(text, read=mt.resid_post[1])
def resident(line):  # "VmRSS" now, "VmHWM" at most; getrusage would count the parent's too
    status = open("/proc/self/status").read()
    return int(status.split(line + ":")[1].split()[0]) * 1024
before = resident("VmRSS")
name = folder + "/gemma-scope-2b-pt-res/layer_1/width_16k/average_l0_82"
sae = load_dictionary(name, model=model)
f = sae.encode(plain[mt.resid_post[1]])
assert f.shape == (1, 64, 16384), f.shape
feature = int(f[0, 1:].sum(0).argmax())
ablated = model.run(text, write=sae.ablate(feature))
assert not torch.equal(ablated.logits, plain.logits)
silent = int((f.sum((0, 1)) == 0).nonzero()[0])
assert torch.equal(model.run(text, write=sae.ablate(silent)).logits, plain.logits)
print("beyond the model:", resident("VmHWM") - before)
"""


@pytest.mark.medium
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="resident memory as Linux tells")
def test_full_size_loads_encodes_and_ablates_within_two_gibibytes(tmp_path: Path) -> None:
    at = tmp_path / "gemma-scope-2b-pt-res/layer_1/width_16k/average_l0_82"
    at.mkdir(parents=True)
    generator = np.random.default_rng(0)
    w_dec = generator.standard_normal((16384, 2304), np.float32) / np.float32(48)
    np.savez(
        at / "params.npz",
        W_enc=np.ascontiguousarray(w_dec.T),
        W_dec=w_dec,
        b_enc=np.zeros(16384, np.float32),
        b_dec=np.zeros(2304, np.float32),
        threshold=np.full(16384, 0.5, np.float32),
    )
    done = subprocess.run([sys.executable, "-c", WORK, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    beyond = int(done.stdout.split("beyond the model:")[1])
    print(f"beyond the model: {beyond / GIB:.2f} GiB")
    assert GIB / 32 < beyond < 2 * GIB
