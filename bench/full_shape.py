"""Claim: the full Gemma-2-2B shape (random weights, bf16) is checked, decomposed and patched.

Loads, verifies and attributes a 64-token prompt, then patches one prompt between two LoRA
fine-tunes (rank 64, all seven projections), 26 x (8 heads + MLP) = 234 nodes, one at a time.
Prints seconds and the peak resident memory, which is to stay within 16 GiB.

    python bench/full_shape.py --folder FOLDER [--threads 2] [--no-patching]
"""

import argparse
import resource
import time
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoModelForCausalLM, Gemma2Config, PreTrainedTokenizerFast

import microtome as mt
from microtome import head_out, mlp_out
from microtome.methods.examine import examine
from subject import MINUS, PLUS

PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def build(folder: Path) -> None:
    """Write the random base and two adapters, once."""
    if (folder / "two" / "adapter_config.json").exists():
        return
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(Gemma2Config(), dtype=torch.bfloat16)
    base.save_pretrained(folder)
    core = Tokenizer(models.WordLevel({f"w{i}": i for i in range(1000)}, unk_token="w3"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="w0", bos_token="w2", eos_token="w1"
    ).save_pretrained(folder)
    lora = LoraConfig(r=64, lora_alpha=32, target_modules=PROJECTIONS, task_type="CAUSAL_LM")
    peft = get_peft_model(base, lora)
    for name in ("one", "two"):
        with torch.no_grad():
            for key, value in peft.named_parameters():
                if "lora_" in key:
                    value.normal_(0, 0.02)
        peft.save_pretrained(folder / name)


def timed(name, work):
    start = time.perf_counter()
    result = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {name} | {time.perf_counter() - start:.1f} | {peak:.1f} |", flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-patching", action="store_true")
    parser.add_argument("--build", action="store_true", help="only write the checkpoint")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    build(asked.folder)
    if asked.build:
        return
    ids = torch.randint(3, 1000, (1, 64), generator=torch.Generator().manual_seed(3)).tolist()
    print("| what | seconds | peak GiB |\n|---|---|---|")
    model = timed("load and verify the anatomy", lambda: mt.load(str(asked.folder)))
    audits = timed("microtome check", lambda: examine(model))
    direction = model.direction(PLUS, MINUS)
    split = timed("attribute 64 tokens", lambda: mt.attribute(model, ids, direction))
    for audit in [*audits, *split.audit]:
        print(audit)
    if asked.no_patching:
        return
    one = model.with_adapter(asked.folder / "one")
    two = timed("attach two adapters", lambda: model.with_adapter(asked.folder / "two"))
    nodes = [head_out[:, :], mlp_out[:]]
    result = timed(
        "patch 234 nodes, one prompt, one pair",
        lambda: mt.patch(two, ids, one, nodes, direction, audited=False),
    )
    print(f"{len(result.nodes)} nodes, largest effect {result.effects.abs().max():.3g} logits")


if __name__ == "__main__":
    main()
