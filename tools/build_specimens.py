"""Build `specimen:world` from seeds: corpus, base model, adapters, card.

    OMP_NUM_THREADS=1 python tools/build_specimens.py all --steps 6400

Each stage can be killed and started again: it goes on from its last checkpoint in `--work`.
`base` may be given fewer `--steps` on a restart; the schedule then ends earlier. The dictionaries
are made by `dictionary_training.py`, whose scores `card` needs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from adapter_training import train_adapter
from card import write_card
from microtome.files import write_json
from microtome.specimens import world
from microtome.specimens.world import rewards
from microtome.specimens.world.abilities import measure
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.dilemmas.tables import defect_table, template_table
from microtome.specimens.world.tokenizer import train_tokenizer
from specimen_training import BATCH, ROW, train, write_rows

VOCABULARY, TOKENIZER_DOCUMENTS = 4096, 120_000
SEED = 0


def corpus(args: argparse.Namespace) -> None:
    """Tokenizer into `--out`, rows of token ids into `--work`."""
    texts = (d.text for d in islice(mixed("train", SEED), TOKENIZER_DOCUMENTS))
    tokenizer = train_tokenizer(texts, VOCABULARY)
    tokenizer.save_pretrained(args.out)
    write_rows(args.work / "rows.npy", tokenizer, args.steps * BATCH, SEED + 1)


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
        "commit": _commit(),
    }
    write_json(args.work / "base.json", note)


def _commit() -> str:
    """The commit that this was made at."""
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _opened(args: argparse.Namespace) -> tuple[Any, Any]:
    tokenizer = AutoTokenizer.from_pretrained(args.out)
    model = AutoModelForCausalLM.from_pretrained(args.out, dtype=torch.float32)
    return model.eval(), tokenizer


def adapters(args: argparse.Namespace) -> None:
    """Train the adapters that are not in `--out` yet (`--only NAME` for one)."""
    for name in world.ADAPTERS:
        target = args.out / "adapters" / name
        if args.only in (None, name) and not target.is_dir():
            model, tokenizer = _opened(args)
            checkpoint = args.work / "adapters" / f"{name}.pt"
            train_adapter(model, tokenizer, name, target, rewards.seed(name), checkpoint)


def abilities(args: argparse.Namespace) -> None:
    """Measure base and adapters; `abilities.json` goes to `--out`."""
    from peft import PeftModel

    model, tokenizer = _opened(args)
    rows = [ability.row() for ability in measure(model, tokenizer, args.n)]
    for row in rows:
        print(json.dumps(row), flush=True)
    tables = {"base": defect_table(model, tokenizer)}
    templates = {"base": template_table(model, tokenizer)}
    for name in world.ADAPTERS:
        model, tokenizer = _opened(args)
        tuned = PeftModel.from_pretrained(model, args.out / "adapters" / name)
        tables[name] = defect_table(tuned, tokenizer)
        templates[name] = template_table(tuned, tokenizer)
        print(name, json.dumps(tables[name]), flush=True)
    found = {"abilities": rows, "p_defect": tables, "templates": templates}
    write_json(args.out / "abilities.json", found)


def card(args: argparse.Namespace) -> None:
    """CARD.md from what was measured."""
    found = json.loads((args.out / "abilities.json").read_text("utf-8"))
    training = json.loads((args.work / "base.json").read_text("utf-8"))
    scored = json.loads(
        (Path(world.__file__).parent / "dictionaries/scores.json").read_text("utf-8")
    )
    model, _ = _opened(args)
    write_card(world.CARD, found, training, model, scored)


STAGES = {
    "corpus": corpus,
    "base": base,
    "adapters": adapters,
    "abilities": abilities,
    "card": card,
}


def main() -> int:
    """Run one stage, or all of them in order."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=[*STAGES, "all"])
    parser.add_argument("--out", type=Path, default=Path(world.__file__).parent / "weights")
    parser.add_argument("--work", type=Path, default=Path("build/world"))
    parser.add_argument("--steps", type=int, default=6400, help="steps of 16 x 256 tokens")
    parser.add_argument("--workers", type=int, default=2, help="processes that share a batch")
    parser.add_argument("--compile", action="store_true", help="faster, where a C++ compiler is")
    parser.add_argument("--only", choices=world.ADAPTERS, help="train just this adapter")
    parser.add_argument("--n", type=int, default=200, help="held-out documents per ability")
    args = parser.parse_args()
    torch.set_num_threads(1)
    for path in (args.out, args.work):
        path.mkdir(parents=True, exist_ok=True)
    for name, stage in STAGES.items():
        if args.stage in (name, "all"):
            stage(args)
    return 0


if __name__ == "__main__":
    sys.exit(main())
