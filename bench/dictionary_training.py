"""Claim: a top-k dictionary trains at >= 4x SAELens and >= 1.8x sparsify per CPU-second, as well.

d = 256, 4096 latents, k = 32, batches of 2048, one thread; one process, a step of each in turn, the
same batches, learning rate and warm-up. Activations are sparse sums of 4096 directions of very
unequal frequency, plus noise, away from 0. SAELens trains by its own trainer; sparsify's trainer
wants a whole model, so the body of its loop stands here, with its Adam and AuxK.

    python bench/dictionary_training.py [--rounds 7] [--steps 50] [--long 3000] [--fp32]

in an environment with sae-lens and eai-sparsify.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from sae_lens.config import SAETrainerConfig
from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig
from sae_lens.training.sae_trainer import SAETrainer
from sparsify import SparseCoder, SparseCoderConfig

from microtome.dictionaries import selection
from microtome.dictionaries.activations import InMemory
from microtome.dictionaries.recipes import TopK
from microtome.dictionaries.trainee_topk import Selecting
from microtome.dictionaries.training import train
from microtome.model.site import resid_post
from microtome.statistics import Interval, bootstrap_ratio

D, LATENTS, K, BATCH = 256, 4096, 32, 2048
LR, WARMUP = 1e-3, 30
Step = Callable[[torch.Tensor], None]
Fvu = Callable[[torch.Tensor], Interval]


def activations(tokens: int, seed: int = 0) -> torch.Tensor:
    """Sparse sums of 4096 directions, about 24 of them at a token, and 2 % noise."""
    fixed = torch.Generator().manual_seed(1)
    g = torch.Generator().manual_seed(seed)
    causes = torch.nn.functional.normalize(torch.randn(4096, D, generator=fixed), dim=-1)
    often = 1 / torch.arange(10, 4106).float() ** 0.8
    often *= 24 / often.sum()
    mean = torch.randn(D, generator=fixed)
    parts = []
    for _ in range(0, tokens, BATCH):
        on = torch.rand(BATCH, 4096, generator=g) < often
        size = torch.exp(0.5 * torch.randn(BATCH, 4096, generator=g))
        parts.append((on * size) @ causes + mean + 0.02 * torch.randn(BATCH, D, generator=g))
    return torch.cat(parts)


def fvu_of(y: torch.Tensor, x: torch.Tensor) -> Interval:
    """The share of the variance that is left, with an interval over activations."""
    errors, variances = (y - x).pow(2).sum(-1), (x - x.mean(0)).pow(2).sum(-1)
    return bootstrap_ratio(errors.numpy(), variances.numpy(), resamples=300)


def shown(one: Interval) -> str:
    return f"{one.value:.4f} [{one.low:.4f}, {one.high:.4f}]"


def rate(step: int) -> float:
    return LR * min(1.0, (step + 1) / WARMUP)


def ours(first: torch.Tensor) -> tuple[Step, Fvu]:
    """The steps of `train`, one at a time."""
    site = resid_post[0]
    module = Selecting(TopK(LATENTS, site, k=K), D, D, 10**7, True).train()
    module.start(first, first)
    optimiser = torch.optim.Adam(module.parameters(), lr=LR, fused=True)
    done = iter(range(10**9))

    def step(x: torch.Tensor) -> None:
        for group in optimiser.param_groups:
            group["lr"] = rate(next(done))
        outcome = module(x, x, 0.5)
        outcome.loss.backward()
        module.before_update()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        module.after_update(outcome.fired, len(x))

    return step, lambda x: fvu_of(module.export().reconstruct(x), x)


def saelens(first: torch.Tensor) -> tuple[Step, Fvu]:
    """SAELens: its trainer, its defaults for top-k, inputs scaled as its own option does."""
    torch.manual_seed(0)
    config = TopKTrainingSAEConfig(
        d_in=D, d_sae=LATENTS, k=K, normalize_activations="expected_average_only_in"
    )
    sae = TopKTrainingSAE(config)
    with torch.no_grad():
        sae.b_dec.copy_(first.mean(0) * D**0.5 / first.norm(dim=-1).mean())
    plan = SAETrainerConfig(
        total_training_samples=10**9, train_batch_size_samples=BATCH, lr=LR,
        lr_warm_up_steps=WARMUP, lr_end=LR,
    )  # fmt: skip
    trainer = SAETrainer(cfg=plan, sae=sae, data_provider=iter([]))
    trainer.activation_scaler.scaling_factor = float(D**0.5 / first.norm(dim=-1).mean())

    def step(x: torch.Tensor) -> None:
        trainer.step(x)
        trainer.n_training_steps += 1

    def fvu(x: torch.Tensor) -> Interval:
        with torch.no_grad():
            scaled = trainer.activation_scaler(x)
            return fvu_of(sae(scaled), scaled)

    return step, fvu


def sparsify(first: torch.Tensor) -> tuple[Step, Fvu]:
    """The body of sparsify's `Trainer.fit`: FVU loss, AuxK of 1/32, torch's Adam."""
    torch.manual_seed(0)
    sae = SparseCoder(D, SparseCoderConfig(num_latents=LATENTS, k=K), dtype=torch.float32)
    sae.b_dec.data = first.mean(0)
    optimiser = torch.optim.Adam(sae.parameters(), lr=LR)
    since = torch.zeros(LATENTS, dtype=torch.long)
    done = iter(range(10**9))

    def step(x: torch.Tensor) -> None:
        for group in optimiser.param_groups:
            group["lr"] = rate(next(done))
        sae.set_decoder_norm_to_unit_norm()
        out = sae(x, x, dead_mask=since > 10_000_000)
        (out.fvu + out.auxk_loss / 32).backward()
        sae.remove_gradient_parallel_to_decoder_directions()
        optimiser.step()
        optimiser.zero_grad()
        since.add_(len(x))
        since[out.latent_indices.flatten()] = 0

    def fvu(x: torch.Tensor) -> Interval:
        with torch.no_grad():
            return fvu_of(sae(x).sae_out, x)

    return step, fvu


def rounds_of(contenders: dict[str, Step], data: Iterator[torch.Tensor], args: Any) -> Any:
    """CPU seconds of every round of every contender; in each round a step of each in turn."""
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(args.rounds):
        spent = dict.fromkeys(contenders, 0.0)
        for _ in range(args.steps):
            x = next(data)
            for name, step in contenders.items():
                start = time.process_time()
                step(x)
                spent[name] += time.process_time() - start
        for name, seconds in spent.items():
            times[name].append(seconds)
    return times


def compare(args: argparse.Namespace) -> None:
    train_set, held = activations(args.tokens), activations(8192, seed=9)
    pool = train_set.split(BATCH)
    order = torch.Generator().manual_seed(2)

    def endless() -> Iterator[torch.Tensor]:
        while True:
            for i in torch.randperm(len(pool), generator=order).tolist():
                yield pool[i]

    made = {"microtome": ours, "SAELens": saelens, "sparsify": sparsify}
    opened = {name: make(pool[0]) for name, make in made.items()}
    times = rounds_of({name: step for name, (step, _) in opened.items()}, endless(), args)
    print("| trainer | activations per CPU-second, median | range | microtome is | held-out FVU |")
    print("|---|---|---|---|---|")
    for name, (_, fvu) in opened.items():
        speeds = [args.steps * BATCH / seconds for seconds in times[name]]
        ratio = statistics.median(
            other / own for other, own in zip(times[name], times["microtome"], strict=True)
        )
        print(
            f"| {name} | {statistics.median(speeds):,.0f} | {min(speeds):,.0f}-{max(speeds):,.0f} "
            f"| {ratio:.1f}x | {shown(fvu(held))} |"
        )
    print(f"{args.rounds} rounds of {args.steps} steps of {BATCH}.")
    if args.long:
        site = resid_post[0]
        found = train(
            replace(TopK(LATENTS, site, k=K), dead_after=500_000), InMemory({site: train_set}),
            steps=args.long, batch=BATCH, lr=LR,
        )  # fmt: skip
        coder = found.dictionary
        fired = torch.stack([(coder.encode(x) > 0).any(0) for x in pool[:128]]).any(0)
        print(
            f"After {args.long} steps: dead {found.curve[-1]['dead']:.2%} (silent for 500,000 "
            f"tokens), silent on 2^18 tokens {1 - fired.float().mean():.2%}, held-out FVU "
            f"{shown(fvu_of(coder.reconstruct(held), held))}."
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--long", type=int, default=3000, help="steps of the longer run; 0 is none")
    parser.add_argument("--tokens", type=int, default=2**19)
    parser.add_argument("--fp32", action="store_true", help="select as without bf16 in hardware")
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.fp32:
        selection._selection = lambda: torch.float32
    compare(args)


if __name__ == "__main__":
    main()
