"""Claim: exact patching of every head, attention and MLP is several times cheaper than a loop.

120 nodes (12 layers x (8 heads + attention + MLP)) at all positions, prompts of 64 tokens that
differ in the last third (and, as the hard case, everywhere). TransformerLens and nnsight each in
its idiomatic way, the same numbers, interleaved, one thread, CPU seconds. "microtome" is the
default, audits included; "without audits" is `audited=False`. FLOPs are counted by torch.

    python bench/patching.py [--rounds 5]      in an environment with bench/requirements.txt
    python bench/patching.py --alone           microtome and its FLOPs, without the peers
"""

import argparse

import torch
from torch.utils.flop_counter import FlopCounterMode

import microtome as mt
import subject
from microtome import attn_out, head_out, mlp_out
from subject import HEADS, LAYERS, LENGTH, MINUS, PLUS

D_HEAD = 64


def ours(model, clean, corrupt, audited=True):
    sites = [head_out[:, :], attn_out[:], mlp_out[:]]
    donor = model.run([clean], read=sites, logits="last")
    direction = model.direction(PLUS, MINUS)
    result = mt.patch(model, [corrupt], donor, sites, direction, audited=audited)
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


def flops(work) -> int:
    """Floating-point operations of one call, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        work()
    return counter.get_total_flops()


def counted(model, clean, corrupt) -> str:
    """The FLOPs of a loop of whole passes (the donor's too), in multiples of ours."""
    plain = flops(lambda: model.run([corrupt]))
    loop = plain * (1 + LAYERS * (HEADS + 2))
    with_audits, without = (
        loop / flops(lambda a=audited: ours(model, clean, corrupt, a)) for audited in (True, False)
    )
    return f"{with_audits:.2f}x with audits, {without:.2f}x without"


def peers(folder: str) -> dict:
    """The other tools' way to the same numbers, by name."""
    from nnsight import LanguageModel
    from transformer_lens.model_bridge import TransformerBridge

    bridge = TransformerBridge.boot_transformers(folder, device="cpu")
    sight = LanguageModel(folder, device_map="cpu", dispatch=True)
    return {
        "TransformerLens": lambda clean, corrupt: transformer_lens(bridge, clean, corrupt),
        "nnsight": lambda clean, corrupt: nnsight(sight, clean, corrupt),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    folder = str(subject.checkpoint())
    model = mt.load(folder)
    tools = {
        "microtome": lambda clean, corrupt: ours(model, clean, corrupt),
        "microtome, without audits": lambda clean, corrupt: ours(model, clean, corrupt, False),
    }
    tools |= {} if asked.alone else peers(folder)
    for shared in (44, 0):
        clean, corrupt = subject.prompts(shared)
        contenders = {
            name: lambda tool=tool, c=clean, d=corrupt: tool(c, d) for name, tool in tools.items()
        }
        values = {name: work() for name, work in contenders.items()}
        gaps = [float((v - values["microtome"]).abs().max()) for v in values.values()]
        print(f"\nshared prefix {shared} of {LENGTH}; largest gap between tools {max(gaps):.1e}; ")
        print(f"FLOPs of a loop over microtome's: {counted(model, clean, corrupt)}")
        print("| tool | CPU s, median | range | ratio to microtome |\n|---|---|---|---|")
        subject.report(subject.interleaved(contenders, asked.rounds), "microtome")


if __name__ == "__main__":
    main()
