"""Train dictionaries on activations: one loop for every architecture.

Each step takes a batch, gives every dictionary in training its sites of it, and lets Adam take a
step at a learning rate that rises over `warmup`, stays, and falls to 0 over the last `decay`.
The loop (`microtome.dictionaries.loop`) knows only the protocol of `trainee`, where another
shape of dictionary joins. Several ranks (`accelerate launch`) share every batch; let them read
shards, because a stream runs the model on each of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from microtome.dictionaries import trainee_penalty, trainee_topk  # noqa: F401  (they register)
from microtome.dictionaries.activations import Activations, InMemory
from microtome.dictionaries.logbook import Log, Logbook
from microtome.dictionaries.loop import Loop, Plan, Schedule
from microtome.dictionaries.parallel import ranks
from microtome.dictionaries.recipes import Recipe
from microtome.errors import ConfigError
from microtome.model.site import Site

WARMUP = 1000
"""Steps, or a tenth of a training shorter than ten times that."""


def train(
    dictionary: Recipe | Sequence[Recipe],
    activations: Activations | Mapping[Site, Tensor] | Tensor,
    *,
    steps: int,
    batch: int = 2048,
    lr: float | None = None,
    warmup: int | None = None,
    decay: float = 0.2,
    seed: int = 0,
    log: Log | None = None,
    log_every: int = 50,
    checkpoint: str | Path | None = None,
    save_every: int = 1000,
    device: str = "auto",
    dense: bool | None = None,
) -> Any:
    """Train one dictionary, or several on the same activations: a Trained, or a tuple of them.

    `activations` is a source (`stream`, `open_shards`), a tensor "tokens d", or one per site.
    `log` is called with a row per dictionary every `log_every` steps; with a `checkpoint` folder
    the rows are also appended to `log.jsonl` there, and a killed training goes on from its last
    checkpoint to the very same weights. `dense` chooses the arithmetic: sparse kernels on a CPU,
    dense products with bf16 autocast on CUDA unless said otherwise.
    """
    if steps < 1 or batch < 1:
        raise ConfigError(f"steps={steps}, batch={batch} were asked for; both are at least 1.")
    asked = [dictionary] if isinstance(dictionary, Recipe) else list(dictionary)
    source = _source(activations, asked)
    chosen = [_complete(recipe, source, lr) for recipe in asked]
    _demand_distinct(chosen)
    fellows = ranks()
    where = fellows.place(device)
    sparse = not dense if dense is not None else where.type == "cpu"
    every = warmup if warmup is not None else min(WARMUP, max(1, steps // 10))
    plan = Plan(tuple(chosen), steps, batch, seed, Schedule(steps, every, decay), sparse)
    loop = Loop.opened(plan, source, where, fellows)
    book = Logbook(
        log if fellows.first else None,
        Path(checkpoint) if checkpoint and fellows.first else None,
        log_every,
    )
    loop.go(book, Path(checkpoint) if checkpoint else None, save_every)
    found = tuple(loop.finished(i, source) for i in range(len(chosen)))
    return found[0] if isinstance(dictionary, Recipe) else found


def _source(given: Any, asked: Sequence[Recipe]) -> Activations:
    """A source as it is; tensors as one in memory."""
    if isinstance(given, Tensor):
        sites = {r.site for r in asked}
        if len(sites) != 1 or any(r.target for r in asked):
            raise ConfigError("One tensor holds one site's activations; give a mapping of sites.")
        return InMemory({asked[0].reads: given})
    return InMemory(dict(given)) if isinstance(given, Mapping) else given


def _complete(recipe: Recipe, source: Activations, lr: float | None) -> Recipe:
    """The recipe with its site (where only one is possible) and the common learning rate."""
    if not recipe.site and len(source.sites) == 1:
        recipe = replace(recipe, site=source.sites[0])
    for site in (recipe.reads, recipe.writes):
        if site not in source.sites:
            there = ", ".join(map(str, source.sites))
            raise ConfigError(f"{recipe.label} needs {site}; the activations are of {there}.")
    return replace(recipe, lr=lr) if lr is not None else recipe


def _demand_distinct(recipes: Sequence[Recipe]) -> None:
    names = [recipe.label for recipe in recipes]
    if not names or len(set(names)) < len(names):
        raise ConfigError(f"Dictionaries are told apart by name; give each its own, got {names}.")
