"""Claim: 100 completions of one prompt cost one prompt, and pooling their states costs little.

100 x 64 tokens at temperature 1 (no top_k, no top_p, no EOS) after prompts of 32 and 256 tokens:
`sample` without and with all-layer latents (every token pooled, and every 32nd), against
transformers' `generate` with its growing and its static cache. Random 8-layer models of d_model
256, interleaved in one process, one thread, CPU seconds.

    python bench/sampling.py [--rounds 3] [--families gemma2 llama]
    python bench/sampling.py --memory 512       peak memory of one run, with every token pooled
"""

import argparse
import resource
from functools import partial

import torch

import microtome as mt
import subject
from microtome import resid_post
from microtome.model.sampling import Pooling, sample
from microtome.model.sampling.cache import CHUNK

N, STEPS = 100, 64
LENGTHS = (32, 256)


def ours(model, prompt, pooling=None, batch=None):
    return sample(
        model, prompt, n=N, temperature=1.0, max_new_tokens=STEPS, stop=(), pooling=pooling,
        batch=batch,
    )  # fmt: skip


def generate(model, prompt, cache=None):
    found = model.hf.generate(
        torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
        do_sample=True, temperature=1.0, top_k=0, top_p=1.0, num_return_sequences=N,
        max_new_tokens=STEPS, min_new_tokens=STEPS, cache_implementation=cache, pad_token_id=0,
    )  # fmt: skip
    assert found.shape == (N, len(prompt) + STEPS)


def contenders(model, length, batches):
    prompt = subject.prompts(0, length)[0]
    every = Pooling((resid_post[:],), 1, (16, 32, STEPS))
    strided = Pooling((resid_post[:],), 32, (STEPS,))
    return {
        "microtome": partial(ours, model, prompt),
        "microtome, latents of every token": partial(ours, model, prompt, every),
        "microtome, latents of every 32nd": partial(ours, model, prompt, strided),
        "generate": partial(generate, model, prompt),
        "generate, static cache": partial(generate, model, prompt, "static"),
        **{f"microtome, batch {b}": partial(ours, model, prompt, batch=b) for b in batches},
    }


def grown(family, steps, pooled):
    """MiB by which sampling raises the peak of a fresh process, and MiB of the cache in it."""
    model = mt.load(str(subject.sampled(family)))
    prompt = subject.prompts(0, LENGTHS[0])[0]
    pooling = Pooling((resid_post[:],), 1, (steps,)) if pooled else None
    sample(model, prompt, n=4, temperature=1.0, max_new_tokens=2)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    sample(
        model, prompt, n=32, temperature=1.0, max_new_tokens=steps, stop=(),
        pooling=pooling,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    columns = CHUNK * -(-(steps - 1) // CHUNK) + len(prompt)
    config = model.parts.config
    head = config.num_key_value_heads * config.head_dim
    cache = 32 * columns * config.num_hidden_layers * head * 2 * 4
    return (after - before) / 2**10, cache / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--families", nargs="+", default=["gemma2", "llama"])
    parser.add_argument("--batches", nargs="*", type=int, default=[], help="batch sizes as well")
    parser.add_argument("--memory", type=int, help="peak of one run of so many tokens, no timing")
    parser.add_argument("--unpooled", action="store_true", help="with --memory: no states pooled")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.memory:
        peak, cache = grown(options.families[0], options.memory, not options.unpooled)
        print(f"{options.memory} tokens: peak +{peak:.0f} MiB, cache {cache:.0f} MiB")
        return
    for family in options.families:
        model = mt.load(str(subject.sampled(family)))
        for length in LENGTHS:
            print(f"\n{family}, prompt of {length} tokens\n")
            print("| sampler | CPU s, median | range | ratio to microtome |\n|---|---|---|---|")
            samplers = contenders(model, length, options.batches)
            subject.report(subject.interleaved(samplers, options.rounds), "microtome")


if __name__ == "__main__":
    main()
