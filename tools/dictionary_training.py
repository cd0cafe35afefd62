"""Train the sparse dictionaries of `specimen:world` from seeds: capture, train, measure.

    OMP_NUM_THREADS=1 python tools/dictionary_training.py all

An autoencoder on every resid_post and a transcoder for every MLP, trained as batch top-k and kept
as JumpReLU in fp16. Each stage can be killed and started again: shards, steps and scores that are
done stay done. `--workers 2` trains both groups side by side. `measure` prints which dictionaries
meet their bars; `build_specimens.py card` writes that down.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any

import torch

import microtome as mt
from build_specimens import commit
from dictionary_scores import SAMPLE, SEED, measure, verdict
from microtome.dictionaries.load import save_dictionary
from microtome.dictionaries.recipes import BatchTopK, Recipe
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.shards import capture, open_shards
from microtome.dictionaries.training import train
from microtome.files import write_json
from microtome.model.site import mlp_in, mlp_out, resid_post
from microtome.specimens import world
from microtome.specimens.world.corpus import mixed, stream

LAYERS = range(5)
DOCUMENTS = 60_000
STEPS, BATCH, LR = 3000, 2048, 1.5e-3


def texts() -> list[str]:
    """Three documents of the mixture, then one more of physics."""
    every, more = mixed("train", SEED), stream("physics", "train", SEED)
    rounds: Iterator[Any] = chain.from_iterable(
        [*islice(every, 3), next(more)] for _ in iter(int, 1)
    )
    return [document.text for document in islice(rounds, DOCUMENTS)]


def recipes() -> dict[str, list[Recipe]]:
    """Both groups, by name."""
    return {
        "residual": [
            BatchTopK(2048, resid_post[n], k=12, name=f"resid_post_{n}", seed=n) for n in LAYERS
        ],
        "transcoders": [BatchTopK(1024, k=12, seed=n).transcoding(n) for n in LAYERS],
    }


def captured(args: argparse.Namespace) -> None:
    """Activations of the corpus into `--work`."""
    model = mt.load("specimen:world")
    sites = [resid_post[:], mlp_in[:], mlp_out[:]]
    capture(
        model, texts(), sites, args.work / "shards",
        seen=lambda done, total: print(f"shard {done} of {total}", flush=True),
    )  # fmt: skip


def trained(args: argparse.Namespace) -> None:
    """Both groups, or `--only` one; the dictionaries go to `--out`."""
    if args.workers > 1:
        return side_by_side(args)
    source = open_shards(args.work / "shards")
    for name, group in recipes().items():
        if args.only not in (None, name):
            continue
        folder = args.work / name
        found = train(
            group, source, steps=args.steps, batch=BATCH, lr=LR, checkpoint=folder,
            log=lambda row: print(json.dumps(row), flush=True), log_every=100, save_every=250,
        )  # fmt: skip
        for recipe, one in zip(group, found, strict=True):
            save_dictionary(halved(one.dictionary), args.out / recipe.label)


def halved(dictionary: SAE) -> SAE:
    """The same in fp16."""
    half = {
        name: value.half() for name, value in vars(dictionary).items() if torch.is_tensor(value)
    }
    threshold = dictionary.activation.threshold.half()
    activation = replace(dictionary.activation, threshold=threshold)
    return replace(dictionary, activation=activation, **half)


def side_by_side(args: argparse.Namespace) -> None:
    """Every group in a process of its own; each goes on from its own checkpoint."""
    names = [name for name in recipes() if args.only in (None, name)]
    rest = ["--out", args.out, "--work", args.work, "--steps", args.steps]
    command = [sys.executable, __file__, "train", *map(str, rest)]
    children = [subprocess.Popen([*command, "--only", name]) for name in names]
    try:
        codes = [child.wait() for child in children]
    finally:
        for child in children:
            child.terminate()
    failed = [name for name, code in zip(names, codes, strict=True) if code]
    if failed:
        raise SystemExit(f"{' and '.join(failed)} stopped: start again to go on.")


def measured(args: argparse.Namespace) -> None:
    """Scores of all dictionaries, each kept in `--work`; `scores.json` goes to `--out`."""
    rows = measure(args.work / "scores")
    about = {"steps": args.steps, "batch": BATCH, "commit": args.commit or commit()}
    write_json(args.out / "scores.json", {**about, **SAMPLE, "dictionaries": rows})
    for row in rows:
        print(verdict(row), flush=True)


STAGES = {"capture": captured, "train": trained, "measure": measured}


def main() -> int:
    """Run one stage, or all of them in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--out", type=Path, default=Path(world.__file__).parent / "dictionaries")
    parser.add_argument("--work", type=Path, default=Path("build/dictionaries"))
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of {BATCH} tokens")
    parser.add_argument("--only", choices=list(recipes()), help="train just this group")
    parser.add_argument(
        "--workers", type=int, choices=(1, 2), default=1,
        help="2 trains residual and transcoders side by side, each on one core",
    )  # fmt: skip
    parser.add_argument("--commit", help="that the dictionaries were trained at, for the scores")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, stage in STAGES.items():
        if args.stage in (name, "all"):
            stage(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
