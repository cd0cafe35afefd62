"""Claim: reading every site costs what plain hooks cost, and no more than the peers' caches.

resid_post, attn_out and mlp_out of 12 layers, a batch of 8 prompts of 64 tokens, interleaved, one
thread, CPU seconds. Plain hooks: `register_forward_hook` on the same modules, cloning.

    python bench/run.py [--rounds 15]      in an environment with bench/requirements.txt
"""

import argparse

import torch
from nnsight import LanguageModel
from transformer_lens.model_bridge import TransformerBridge

import microtome as mt
import subject
from microtome import attn_out, mlp_out, resid_post
from subject import LAYERS


def plain(hf, ids):
    caught, handles = {}, []

    def keep(name):
        def hook(module, args, output):
            caught[name] = (output[0] if isinstance(output, tuple) else output).clone()

        return hook

    for n, block in enumerate(hf.model.layers):
        for part in ("post_attention_layernorm", "post_feedforward_layernorm"):
            handles.append(getattr(block, part).register_forward_hook(keep((n, part))))
        handles.append(block.register_forward_hook(keep((n, "block"))))
    try:
        with torch.no_grad():
            hf(input_ids=ids, use_cache=False)
    finally:
        for handle in handles:
            handle.remove()
    return caught


def transformer_lens(bridge, ids):
    ends = ("hook_resid_post", "hook_attn_out", "hook_mlp_out")
    with torch.no_grad():
        return bridge.run_with_cache(ids, names_filter=lambda n: n.endswith(ends))


def nnsight(model, ids):
    with torch.no_grad(), model.trace(ids):
        caught = list().save()  # noqa: C408
        for layer in model.model.layers[:LAYERS]:
            caught.append(layer.post_attention_layernorm.output.save())
            caught.append(layer.post_feedforward_layernorm.output.save())
            caught.append(layer.output.save())
        model.lm_head.output.save()
    return caught


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    folder = str(subject.checkpoint())
    model = mt.load(folder)
    bridge = TransformerBridge.boot_transformers(folder, device="cpu")
    sight = LanguageModel(folder, device_map="cpu", dispatch=True)
    ids = torch.tensor([subject.prompts(s)[1] for s in range(8)])
    rows = ids.tolist()
    contenders = {
        "plain hooks": lambda: plain(model.hf, ids),
        "microtome": lambda: model.run(rows, read=[resid_post[:], attn_out[:], mlp_out[:]]),
        "TransformerLens": lambda: transformer_lens(bridge, ids),
        "nnsight": lambda: nnsight(sight, ids),
    }
    print("| tool | CPU s, median | range | ratio to plain hooks |\n|---|---|---|---|")
    subject.report(subject.interleaved(contenders, rounds), "plain hooks")


if __name__ == "__main__":
    main()
