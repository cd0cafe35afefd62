"""Claim: exact patching of every head, attention and MLP is several times cheaper than a loop.

120 nodes (12 layers x (8 heads + attention + MLP)) at all positions, prompts of 64 tokens that
differ in the last third (and, as the hard case, everywhere). TransformerLens and nnsight each in
its idiomatic way, the same numbers, interleaved, one thread, CPU seconds.

    python bench/patching.py [--rounds 5]      in an environment with bench/requirements.txt
"""

import argparse

import torch
from nnsight import LanguageModel
from transformer_lens.model_bridge import TransformerBridge

import microtome as mt
import subject
from microtome import attn_out, head_out, mlp_out
from subject import HEADS, LAYERS, LENGTH, MINUS, PLUS

D_HEAD = 64


def ours(model, clean, corrupt):
    sites = [head_out[:, :], attn_out[:], mlp_out[:]]
    donor = model.run([clean], read=sites, logits="last")
    direction = model.direction(PLUS, MINUS)
    result = mt.patch(model, [corrupt], donor, sites, direction, audited=False)
    return result.patched[0]


def transformer_lens(bridge, clean, corrupt):
    names = lambda n: n.endswith(("hook_z", "hook_attn_out", "hook_mlp_out"))  # noqa: E731
    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.tensor([clean]), names_filter=names)
        tokens, found = torch.tensor([corrupt]), []

        def measure(name, hook):
            logits = bridge.run_with_hooks(tokens, fwd_hooks=[(name, hook)])[0, -1]
            found.append(float(logits[PLUS] - logits[MINUS]))

        for layer in range(LAYERS):
            name = f"blocks.{layer}.attn.hook_z"
            for head in range(HEADS):

                def put_head(z, hook, head=head, name=name):
                    z[:, :, head] = cache[name][:, :, head]
                    return z

                measure(name, put_head)
        for kind in ("hook_attn_out", "hook_mlp_out"):
            for layer in range(LAYERS):
                name = f"blocks.{layer}.{kind}"
                measure(name, lambda value, hook, name=name: cache[name])
    return torch.tensor(found)


def nnsight(model, clean, corrupt):
    layers, found = model.model.layers, []
    with torch.no_grad():
        with model.trace(torch.tensor([clean])):
            zs, attns, mlps = list().save(), list().save(), list().save()  # noqa: C408
            for layer in range(LAYERS):
                zs.append(layers[layer].self_attn.o_proj.input.save())
                attns.append(layers[layer].post_attention_layernorm.output.save())
                mlps.append(layers[layer].post_feedforward_layernorm.output.save())
        for layer in range(LAYERS):
            for head in range(HEADS):
                columns = slice(head * D_HEAD, (head + 1) * D_HEAD)
                with model.trace(torch.tensor([corrupt])):
                    layers[layer].self_attn.o_proj.input[:, :, columns] = zs[layer][:, :, columns]
                    row = model.lm_head.output[0, -1].save()
                found.append(row)
        for values, path in (
            (attns, "post_attention_layernorm"),
            (mlps, "post_feedforward_layernorm"),
        ):
            for layer in range(LAYERS):
                with model.trace(torch.tensor([corrupt])):
                    getattr(layers[layer], path).output = values[layer]
                    row = model.lm_head.output[0, -1].save()
                found.append(row)
    capped = [torch.tanh(row / 30) * 30 for row in found]
    return torch.stack([row[PLUS] - row[MINUS] for row in capped])


def flop_limit(shared: int) -> float:
    """Token-layers of the loop over those a replay needs (attention's own small part left out)."""
    loop = (LAYERS * (HEADS + 2)) * LAYERS * LENGTH
    needed = sum((HEADS + 2) * (LAYERS - layer) * (LENGTH - shared) for layer in range(LAYERS))
    return loop / (needed + 2 * LAYERS * LENGTH)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    folder = str(subject.checkpoint())
    model = mt.load(folder)
    bridge = TransformerBridge.boot_transformers(folder, device="cpu")
    sight = LanguageModel(folder, device_map="cpu", dispatch=True)
    for shared in (44, 0):
        clean, corrupt = subject.prompts(shared)
        contenders = {
            "microtome": lambda c=clean, d=corrupt: ours(model, c, d),
            "TransformerLens": lambda c=clean, d=corrupt: transformer_lens(bridge, c, d),
            "nnsight": lambda c=clean, d=corrupt: nnsight(sight, c, d),
        }
        values = {name: work() for name, work in contenders.items()}
        gaps = [float((v - values["microtome"]).abs().max()) for v in values.values()]
        print(f"\nshared prefix {shared} of {LENGTH}; largest gap between tools {max(gaps):.1e}; ")
        print(f"limit by counted token-layers {flop_limit(shared):.1f}x")
        print("| tool | CPU s, median | range | ratio to microtome |\n|---|---|---|---|")
        subject.report(subject.interleaved(contenders, rounds), "microtome")


if __name__ == "__main__":
    main()
