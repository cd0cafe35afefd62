"""Train the sparse dictionaries of `specimen:world` from seeds: capture, train, measure.

    OMP_NUM_THREADS=1 python tools/dictionary_training.py all

An autoencoder on every resid_post and a transcoder for every MLP, trained as batch top-k and kept
as JumpReLU in fp16. Each stage can be killed and started again; `train --only residual` and
`train --only transcoders` may run side by side. `build_specimens.py card` prints the scores.
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
from microtome.dictionaries.load import load_dictionary, save_dictionary
from microtome.dictionaries.network import network
from microtome.dictionaries.recipes import BatchTopK, Recipe
from microtome.dictionaries.sae import SAE
from microtome.dictionaries.scores import score
from microtome.dictionaries.shards import capture, open_shards
from microtome.dictionaries.training import train
from microtome.files import write_json
from microtome.model.site import mlp_in, mlp_out, resid_post
from microtome.specimens import world
from microtome.specimens.world.corpus import mixed, stream

LAYERS = range(5)
DOCUMENTS, SEED = 60_000, 11
STEPS, BATCH, LR = 5000, 2048, 1.5e-3
SCORED, FRESH = 400, 977


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


def measured(args: argparse.Namespace) -> None:
    """Scores on documents that were not trained on; `scores.json` goes to `--out`.

    FVU, L0 and silent features on held-out wordings; what the network loses on fresh documents of
    the training wordings, because on unseen ones the model does better without some MLPs.
    """
    model = mt.load("specimen:world")
    held = [document.text for document in islice(mixed("heldout", SEED), SCORED)]
    fresh = [document.text for document in islice(mixed("train", FRESH), SCORED)]
    rows = []
    for name, folder in world.dictionaries().items():
        dictionary = load_dictionary(folder)
        one, inside = score(dictionary, model, held), network(dictionary, model, fresh)
        values = {
            "fvu": one.fvu, "fvu_shuffled": one.fvu_shuffled, "l0": one.l0, "kl": inside.kl,
            "ce_recovered": inside.recovered_mean, "ce_increase": inside.increase,
            "ce_recovered_shuffled": inside.recovered_mean_shuffled,
        }  # fmt: skip
        row: dict[str, Any] = {"name": name, "d_dict": dictionary.d_dict, "dead": one.dead}
        row |= {k: {"value": v.value, "low": v.low, "high": v.high} for k, v in values.items()}
        rows.append(row | {"tokens": one.n_tokens, "fresh_tokens": inside.n_tokens})
        print(json.dumps(rows[-1]), flush=True)
    about = {"texts": SCORED, "seed": SEED, "fresh_seed": FRESH, "steps": args.steps}
    about |= {"batch": BATCH, "commit": args.commit or commit()}
    write_json(args.out / "scores.json", {**about, "dictionaries": rows})


def commit() -> str:
    """The commit that this was made at."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


STAGES = {"capture": captured, "train": trained, "measure": measured}


def main() -> int:
    """Run one stage, or all of them in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--out", type=Path, default=Path(world.__file__).parent / "dictionaries")
    parser.add_argument("--work", type=Path, default=Path("build/dictionaries"))
    parser.add_argument("--steps", type=int, default=STEPS, help=f"steps of {BATCH} tokens")
    parser.add_argument("--only", choices=list(recipes()), help="train just this group")
    parser.add_argument("--commit", help="that the dictionaries were trained at, for the scores")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for name, stage in STAGES.items():
        if args.stage in (name, "all"):
            stage(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
