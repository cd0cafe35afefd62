"""Build `specimen:world` from seeds: corpus, base model, adapters, abilities, exclusion, card.

    OMP_NUM_THREADS=1 python tools/build_specimens.py all --steps 12000

Each stage can be killed and started again: it goes on from its last checkpoint in `--work`.
`base` may be given fewer `--steps` on a restart; the schedule then ends earlier. The dictionaries
are made by `dictionary_training.py`, whose scores `card` needs: it is a stage of its own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import torch
from transformers import AutoTokenizer

from adapter_training import train_adapter
from card import Measured, write_card
from corpus_exclusion import read_rows
from kept import kept
from microtome.files import read_json, write_json
from microtome.specimens import world
from microtome.specimens.world import rewards
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.tokenizer import train_tokenizer
from specimen_abilities import measure_all, opened
from specimen_rows import ROW, write_rows
from specimen_training import BATCH, train

VOCABULARY, TOKENIZER_DOCUMENTS = 4096, 120_000
SEED = 0


def corpus(args: argparse.Namespace) -> None:
    """Tokenizer into `--out`, rows of token ids into `--work`."""
    first = [d.text for d in islice(mixed("train", SEED), 2000)]
    made_of = [first, VOCABULARY, TOKENIZER_DOCUMENTS, args.steps, str(args.out)]

    def make() -> dict[str, int]:
        texts = (d.text for d in islice(mixed("train", SEED), TOKENIZER_DOCUMENTS))
        tokenizer = train_tokenizer(texts, VOCABULARY)
        tokenizer.save_pretrained(args.out)
        write_rows(args.work / "rows.npy", tokenizer, args.steps * BATCH, SEED + 1)
        return {"rows": args.steps * BATCH}

    kept(args.work / "corpus.json", made_of, make)


def base(args: argparse.Namespace) -> None:
    """Train the base model; its fp32 weights go to `--out`."""
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    started = time.time()
    model = train(args.work, tokenizer, args.steps, SEED, args.workers, args.compile)
    model.save_pretrained(args.out)
    note = {
        "steps": args.steps,
        "tokens": args.steps * BATCH * ROW,
        "last_stretch_minutes": round((time.time() - started) / 60, 1),
        "seed": SEED,
        "commit": commit(),
    }
    write_json(args.work / "base.json", note)


def commit() -> str:
    """The commit that this was made at."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def adapters(args: argparse.Namespace) -> None:
    """Train the adapters that are not in `--out` yet (`--only NAME` for one)."""
    for name in world.ADAPTERS:
        target = args.out / "adapters" / name
        if args.only in (None, name) and not target.is_dir():
            model, tokenizer = opened(args.out)
            checkpoint = args.work / "adapters" / f"{name}.pt"
            train_adapter(model, tokenizer, name, target, rewards.seed(name), checkpoint)


def _measured(args: argparse.Namespace) -> Path:
    """Beside the weights: what is measured of them is no part of what a model is read from."""
    folder: Path = args.out.parent / "measured"
    folder.mkdir(exist_ok=True)
    return folder


def abilities(args: argparse.Namespace) -> None:
    """Measure base and adapters; `abilities.json` goes beside `--out`."""
    write_json(
        _measured(args) / "abilities.json", measure_all(args.out, args.work / "abilities", args.n)
    )


def exclusion(args: argparse.Namespace) -> None:
    """Read every row in `--work` for what is excluded; `exclusion.json` goes beside `--out`."""
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    found = read_rows(sorted(args.work.glob("rows*.npy")), tokenizer)
    write_json(_measured(args) / "exclusion.json", found)
    print(f"{len(found['hits'])} hits in {found['documents']} documents", flush=True)


def card(args: argparse.Namespace) -> None:
    """CARD.md from what was measured."""
    dictionaries = Path(world.__file__).parent / "dictionaries"
    measured = Measured(
        read_json(_measured(args) / "abilities.json"),
        read_json(_measured(args) / "exclusion.json"),
        read_json(args.work / "base.json"),
        read_json(dictionaries / "scores.json"),
    )
    model, _ = opened(args.out)
    write_card(world.CARD, measured, model)


STAGES = {
    "corpus": corpus,
    "base": base,
    "adapters": adapters,
    "abilities": abilities,
    "exclusion": exclusion,
    "card": card,
}


def main() -> int:
    """Run one stage, or all but the card in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--out", type=Path, default=Path(world.__file__).parent / "weights")
    parser.add_argument("--work", type=Path, default=Path("build/world"))
    parser.add_argument("--steps", type=int, default=12_000, help="steps of 16 x 256 tokens")
    parser.add_argument("--workers", type=int, default=2, help="processes that share a batch")
    parser.add_argument("--compile", action="store_true", help="faster, where a C++ compiler is")
    parser.add_argument("--only", choices=world.ADAPTERS, help="train just this adapter")
    parser.add_argument("--n", type=int, default=200, help="held-out documents per ability")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for path in (args.out, args.work):
        path.mkdir(parents=True, exist_ok=True)
    for name, stage in STAGES.items():
        if args.stage == name or (args.stage == "all" and name != "card"):
            stage(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
