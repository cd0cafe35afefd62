"""`microtome dictionary train`: texts in, a folder of dictionaries out.

OUT/<name>/dictionary.json, weights.safetensors      one folder per dictionary
OUT/log.jsonl, checkpoint.safetensors                the curve, and where to go on
OUT/training.json                                    what was trained on what
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from microtome import files
from microtome.data.texts import read_texts
from microtome.dictionaries.activations import Activations, stream
from microtome.dictionaries.checkpoints import NAME as CHECKPOINT
from microtome.dictionaries.harvest import windows
from microtome.dictionaries.load import save_dictionary
from microtome.dictionaries.logbook import Log, Row
from microtome.dictionaries.loop import Trained
from microtome.dictionaries.parallel import ranks
from microtome.dictionaries.progress import Shown, summary
from microtome.dictionaries.recipes import Recipe, recipe
from microtome.dictionaries.shards import capture
from microtome.dictionaries.training import train
from microtome.dictionaries.training_cost import TrainingCost, training_cost
from microtome.errors import ConfigError, RunError
from microtome.model.load import load
from microtome.model.model import Model
from microtome.model.site import parse_site
from microtome.specimens.world.corpus import mixed
from microtome.specimens.world.corpus import stream as documents

SPECIMEN_DOCUMENTS = 20_000
_TOKENS_PER_WORD = 1.4
Say = Callable[[str], object]


@dataclass(frozen=True)
class Asked:
    """The command's arguments: what to train (`kind` ... `options`), on what, and for how long."""

    model: str
    sites: Sequence[str]
    texts: str
    out: Path
    kind: str = "batchtopk"
    d_dict: int = 2048
    targets: Sequence[str] = ()
    """One per site for transcoders; none for autoencoders."""
    skip: bool = False
    k: int | None = None
    options: dict[str, Any] | None = None
    """Other fields of the recipe: sparsity, l1, groups, k_aux, dead_after ..."""
    tokens: int | None = None
    steps: int | None = None
    batch: int = 2048
    lr: float | None = None
    seed: int = 42
    adapter: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    field: str = "text"
    limit: int | None = None
    context: int | None = None
    buffer: int = 2**17
    shards: Path | None = None
    """Capture the activations here first, and train on them; None streams."""
    log_every: int = 50
    save_every: int = 1000
    resume: bool = False

    def recipes(self) -> list[Recipe]:
        """One per site."""
        if self.targets and len(self.targets) != len(self.sites):
            raise ConfigError(
                f"{len(self.targets)} targets were given for {len(self.sites)} sites; a transcoder "
                f"needs one target per site."
            )
        given = dict(self.options or {}) | ({} if self.k is None else {"k": self.k})
        targets: Sequence[str | None] = self.targets or [None] * len(self.sites)
        return [
            recipe(
                self.kind, self.d_dict, site=parse_site(site), skip=self.skip, seed=self.seed + i,
                target=None if target is None else parse_site(target), lr=self.lr, **given,
            )
            for i, (site, target) in enumerate(zip(self.sites, targets, strict=True))
        ]  # fmt: skip

    def length(self) -> int:
        """Training steps."""
        if (self.tokens is None) == (self.steps is None):
            raise ConfigError("Say how long to train: either --tokens or --steps.")
        return self.steps or max(1, (self.tokens or 0) // self.batch)


def run(asked: Asked, *, log: Log | None = None, say: Say = print) -> list[Trained]:
    """Train and save; `log` is told of every row besides the progress bar and `log.jsonl`."""
    with _no_empty_folder(asked.out):
        return _run(asked, log, say)


def _run(asked: Asked, log: Log | None, say: Say) -> list[Trained]:
    chosen, steps = asked.recipes(), asked.length()
    fellows = ranks()
    out = files.writable(asked.out, "--out")
    _demand_free(asked)
    place = str(fellows.place(asked.device))
    model = load(asked.model, adapter=asked.adapter, device=place, dtype=asked.dtype)
    source = _activations(asked, model, chosen, say)
    shown: Log = Shown(steps, len(chosen))
    told = shown if log is None else Both(shown, log)
    found: tuple[Trained, ...] = train(
        chosen, source, steps=steps, batch=asked.batch, seed=asked.seed,
        log=told if fellows.first else None, log_every=asked.log_every,
        checkpoint=out, save_every=asked.save_every, device=place,
    )  # fmt: skip
    if fellows.first:
        for made, one in zip(found, chosen, strict=True):
            save_dictionary(made.dictionary, out / one.label)
            say(f"{out / one.label}: {made.dictionary.architecture}, {summary([made.curve[-1]])}")
        files.write_json(out / "training.json", _record(asked, source, steps, found))
    return list(found)


def cost(asked: Asked) -> TrainingCost:
    """What `run` would take; nothing is trained or written."""
    texts = corpus(asked)
    words = sum(len(text.split()) for text in texts)
    return training_cost(
        asked.model, asked.recipes(), steps=asked.length(), batch=asked.batch,
        corpus_tokens=int(words * _TOKENS_PER_WORD), captured=asked.shards is not None,
        device=asked.device, dtype=asked.dtype,
    )  # fmt: skip


def corpus(asked: Asked) -> list[str]:
    """The texts: a file or folder, or `specimen[:kind]`, the documents the specimen learnt from."""
    word, _, kind = asked.texts.partition(":")
    if word != "specimen" or Path(asked.texts).exists():
        return read_texts(asked.texts, asked.limit, field=asked.field)
    drawn = documents(kind, "train", asked.seed) if kind else mixed("train", asked.seed)  # type: ignore[arg-type]
    return [d.text for d in islice(drawn, asked.limit or SPECIMEN_DOCUMENTS)]


@contextmanager
def _no_empty_folder(folder: Path) -> Iterator[None]:
    """A training that is refused leaves no empty folder behind."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise


def _demand_free(asked: Asked) -> None:
    there = (asked.out / CHECKPOINT).is_file()
    if there and not asked.resume:
        raise RunError(
            f"{asked.out} holds a training already; add --resume to go on with it, or give "
            f"another --out."
        )


def _activations(asked: Asked, model: Model, chosen: Sequence[Recipe], say: Say) -> Activations:
    sites = list(dict.fromkeys(s for r in chosen for s in (r.reads, r.writes)))
    texts = corpus(asked)
    rows = windows(model, texts, asked.context)
    say(
        f"{len(texts)} texts, {sum(map(len, rows)):,} tokens of {model.name}; BOS, padding and "
        f"attention sinks are left out."
    )
    if asked.shards is None:
        return stream(model, rows, sites, buffer=asked.buffer, seed=asked.seed)
    if ranks().first:
        seen = lambda done, total: say(f"shard {done} of {total}")  # noqa: E731
        captured = capture(model, rows, sites, asked.shards, seen=seen)
        ranks().wait()
        return captured
    ranks().wait()
    return capture(model, rows, sites, asked.shards)


@dataclass(frozen=True)
class Both:
    """A log that tells the bar, and another log."""

    bar: Log
    other: Log

    def __call__(self, row: Row) -> None:
        self.bar(row)
        self.other(row)

    def close(self) -> None:
        """Close both, where they can be."""
        for log in (self.bar, self.other):
            getattr(log, "close", lambda: None)()


def _record(
    asked: Asked, source: Activations, steps: int, found: Sequence[Trained]
) -> dict[str, Any]:
    told = {k: v for k, v in vars(asked).items() if k not in ("out", "resume")}
    return {
        "asked": told,
        "activations": source.model,
        "steps": steps,
        "last": [made.curve[-1] for made in found],
    }
