"""Claim: every recipe meets its L0 and finds planted atoms about as well as SAELens's own recipe.

256 unit atoms in 64 dimensions, 8 of them active per token with sizes in [1, 2]; 2^18 tokens,
1,200 steps of 2,048. L0 is counted on 8,192 fresh tokens with the hard threshold of the finished
dictionary; MMCS is the mean over the planted atoms of the largest cosine with a learnt one.
SAELens trains by its own trainer with its defaults, at its default learning rate and at ours, and
with other coefficients.

    python bench/planted_atoms.py [--seeds 1] [--only jumprelu]
    python bench/planted_atoms.py --saelens        in an environment with sae-lens alone
"""

import argparse
import contextlib
import io
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

ATOMS, D, ACTIVE, STEPS, BATCH = 256, 64, 8, 1200, 2048
OUR_LR = 2e-4 / (ATOMS / 2**14) ** 0.5


def planted(tokens: int, seed: int) -> tuple[Tensor, Tensor]:
    """The atoms, the same for every seed, and tokens made of 8 of them."""
    fixed = torch.Generator().manual_seed(1)
    atoms = torch.nn.functional.normalize(torch.randn(ATOMS, D, generator=fixed), dim=-1)
    g = torch.Generator().manual_seed(seed)
    on = torch.rand(tokens, ATOMS, generator=g).topk(ACTIVE).indices
    sizes = torch.zeros(tokens, ATOMS)
    sizes.scatter_(1, on, 1 + torch.rand(tokens, ACTIVE, generator=g))
    return atoms, sizes @ atoms


def line(name: str, f: Tensor, rebuilt: Tensor, rows: Tensor, x: Tensor, start: float) -> None:
    """One row of the table, from features and reconstruction of fresh tokens."""
    atoms, _ = planted(1, 0)
    cosines = atoms @ torch.nn.functional.normalize(rows, dim=-1).T
    fvu = (rebuilt - x).pow(2).sum() / (x - x.mean(0)).pow(2).sum()
    print(
        f"| {name} | {float((f > 0).sum(-1).float().mean()):.2f} "
        f"| {float(cosines.max(1).values.mean()):.3f} | {float(fvu):.3f} "
        f"| {time.process_time() - start:.0f} |",
        flush=True,
    )


def ours(seed: int, only: str) -> None:
    """The five recipes at their own defaults, L0 8."""
    from microtome.dictionaries.recipes import KINDS, Penalised, recipe
    from microtome.dictionaries.training import train
    from microtome.model.site import resid_post

    _, x = planted(2**18, seed)
    _, fresh = planted(8192, 9 + seed)
    for kind, made in KINDS.items():
        if only in ("", kind):
            target = {"l0" if issubclass(made, Penalised) else "k": ACTIVE}
            start = time.process_time()
            asked = recipe(kind, ATOMS, site=resid_post[0], seed=seed, **target)
            sae = train(asked, x, steps=STEPS, batch=BATCH, seed=seed).dictionary
            found = sae.encode(fresh)
            line(f"microtome {kind}", found, sae.decode(found, fresh), sae.atoms, fresh, start)


def batches(x: Tensor, seed: int) -> Iterator[Tensor]:
    g = torch.Generator().manual_seed(seed)
    while True:
        yield from (x[part] for part in torch.randperm(len(x), generator=g).split(BATCH))


def saelens(seed: int, only: str) -> None:
    """SAELens's recipes by its trainer; inputs scaled as its own option does."""
    from sae_lens.saes.batchtopk_sae import BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig
    from sae_lens.saes.jumprelu_sae import JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig
    from sae_lens.saes.matryoshka_batchtopk_sae import (
        MatryoshkaBatchTopKTrainingSAE,
        MatryoshkaBatchTopKTrainingSAEConfig,
    )
    from sae_lens.saes.standard_sae import StandardTrainingSAE, StandardTrainingSAEConfig
    from sae_lens.saes.topk_sae import TopKTrainingSAE, TopKTrainingSAEConfig

    nested = (MatryoshkaBatchTopKTrainingSAE, MatryoshkaBatchTopKTrainingSAEConfig)
    widths = [ATOMS >> i for i in (4, 3, 2, 1, 0)]
    topk = (TopKTrainingSAE, TopKTrainingSAEConfig)
    batchtopk = (BatchTopKTrainingSAE, BatchTopKTrainingSAEConfig)
    jump = (JumpReLUTrainingSAE, JumpReLUTrainingSAEConfig)
    relu = (StandardTrainingSAE, StandardTrainingSAEConfig)
    for lr in (3e-4, OUR_LR):
        saelens_one("topk", topk, seed, lr, only, k=ACTIVE)
        saelens_one("batchtopk", batchtopk, seed, lr, only, k=ACTIVE)
        saelens_one("matryoshka", nested, seed, lr, only, k=ACTIVE, matryoshka_widths=widths)
        saelens_one("jumprelu", jump, seed, lr, only)
        saelens_one("relu", relu, seed, lr, only)
    saelens_one("jumprelu", jump, seed, OUR_LR, only, l0_coefficient=2.0)
    quadratic = {"jumprelu_sparsity_loss_mode": "quadratic", "target_l0": float(ACTIVE)}
    saelens_one("jumprelu", jump, seed, OUR_LR, only, **quadratic)
    saelens_one("jumprelu", jump, seed, OUR_LR, only, normalize_activations="none")
    saelens_one("relu", relu, seed, OUR_LR, only, l1_coefficient=5.0)


def saelens_one(kind: str, made: Any, seed: int, lr: float, only: str, **options: Any) -> None:
    from sae_lens.config import SAETrainerConfig
    from sae_lens.training.sae_trainer import SAETrainer

    if only not in ("", kind):
        return
    _, x = planted(2**18, seed)
    _, fresh = planted(8192, 9 + seed)
    torch.manual_seed(seed)
    start = time.process_time()
    scaled = {"normalize_activations": "expected_average_only_in"} | options
    sae = made[0](made[1](d_in=D, d_sae=ATOMS, **scaled))
    plan = SAETrainerConfig(
        total_training_samples=STEPS * BATCH, train_batch_size_samples=BATCH, lr=lr, lr_end=lr,
        n_batches_for_norm_estimate=20,
    )  # fmt: skip
    trainer = SAETrainer(cfg=plan, sae=sae, data_provider=batches(x, seed))
    with contextlib.redirect_stderr(io.StringIO()):
        trainer.fit()
    with torch.no_grad():
        found = sae.encode(fresh)
        told = ", ".join(f"{key} {value}" for key, value in options.items())
        name = f"SAELens {kind}, lr {lr:.1e}{', ' if told else ''}{told}"
        line(name, found, sae.decode(found), sae.W_dec, fresh, start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--only", default="", help="one kind: topk, jumprelu, relu ...")
    parser.add_argument("--saelens", action="store_true", help="train SAELens's in place of ours")
    args = parser.parse_args()
    torch.set_num_threads(1)
    print("| recipe | L0 on fresh tokens | MMCS | FVU | CPU s |\n|---|---|---|---|---|", flush=True)
    for seed in range(args.seeds):
        (saelens if args.saelens else ours)(seed, args.only)


if __name__ == "__main__":
    main()
