"""Train dictionaries on activations: one loop for every architecture.

Each step takes a batch, gives every dictionary in training its sites of it, and lets Adam take a
step at a learning rate that rises over `warmup`, stays, and falls to 0 over the last `decay`.
The loop knows nothing but `microtome.dictionaries.trainee.Trainee`; a dictionary of another shape
is trained by giving one in place of a recipe.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from microtome import files
from microtome.dictionaries.activations import Activations, Batch, Cursor, InMemory, batches
from microtome.dictionaries.checkpoints import Progress, load_checkpoint, save_checkpoint
from microtome.dictionaries.dictionary import Dictionary, Origin
from microtome.dictionaries.logbook import Log, Logbook, Row
from microtome.dictionaries.parallel import Ranks, ranks
from microtome.dictionaries.recipes import JumpReLU, Recipe, ReLU
from microtome.dictionaries.trainee import Outcome
from microtome.dictionaries.trainee_penalty import Jumping, Shrinking
from microtome.dictionaries.trainee_topk import Selecting
from microtome.errors import ConfigError, NumericsError
from microtome.model.load import choose_device
from microtome.model.site import Site

WARMUP = 1000
"""Steps, or a tenth of a training shorter than ten times that."""


@dataclass(frozen=True)
class Trained:
    """A finished dictionary and the rows that were logged on the way."""

    dictionary: Dictionary
    curve: tuple[Row, ...] = field(repr=False)


@dataclass(frozen=True)
class Schedule:
    """Learning rate over the steps, as a share of its peak."""

    steps: int
    warmup: int
    decay: float = 0.2

    def at(self, step: int) -> float:
        """The share at a step, counted from 0."""
        rise = (step + 1) / max(1, self.warmup)
        fall = (self.steps - step) / max(1.0, self.decay * self.steps)
        return min(1.0, rise, fall)


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
    where, fellows = choose_device(device), ranks()
    sparse = not dense if dense is not None else where.type == "cpu"
    every = warmup if warmup is not None else min(WARMUP, max(1, steps // 10))
    plan = Plan(tuple(chosen), steps, batch, seed, Schedule(steps, every, decay), sparse)
    session = Session.opened(plan, source, where, fellows)
    book = Logbook(
        log if fellows.first else None,
        Path(checkpoint) if checkpoint and fellows.first else None,
        log_every,
    )
    session.go(book, Path(checkpoint) if checkpoint else None, save_every)
    found = tuple(session.finished(i, source) for i in range(len(chosen)))
    return found[0] if isinstance(dictionary, Recipe) else found


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a training ends in."""

    recipes: tuple[Recipe, ...]
    steps: int
    batch: int
    seed: int
    schedule: Schedule
    sparse: bool

    @property
    def sites(self) -> tuple[Site, ...]:
        """Every site that is read or written."""
        return tuple(dict.fromkeys(s for r in self.recipes for s in (r.reads, r.writes)))

    def digest(self, source: Activations, fellows: Ranks) -> str:
        """Of the plan, the data and the number of ranks."""
        told = [repr(self), source.model, [str(s) for s in source.sites], fellows.size]
        return files.digest(told)

    def trainee(self, recipe: Recipe, first: Batch) -> nn.Module:
        """The module that learns it, started on the first batch."""
        x, y = first[recipe.reads], first[recipe.writes]
        silent = getattr(recipe, "dead_after", None)
        dead_after = silent or min(10_000_000, max(self.batch, self.steps * self.batch // 20))
        sizes = (int(x.shape[1]), int(y.shape[1]), dead_after)
        if isinstance(recipe, JumpReLU):
            return Jumping(recipe, *sizes)
        if isinstance(recipe, ReLU):
            return Shrinking(recipe, *sizes)
        return Selecting(recipe, *sizes, self.sparse)  # type: ignore[arg-type]


@dataclass
class Session:
    """A training under way."""

    plan: Plan
    source: Activations
    fellows: Ranks
    device: torch.device
    modules: list[Any]
    optimisers: list[torch.optim.Optimizer]
    curves: list[list[Row]]
    step: int = 0
    cursor: Cursor = field(default_factory=Cursor)

    @staticmethod
    def opened(plan: Plan, source: Activations, device: torch.device, fellows: Ranks) -> Session:
        """Modules started on the first batch, the same on every rank."""
        first, _ = next(batches(source, plan.sites, plan.batch, seed=plan.seed))
        modules = []
        for recipe in plan.recipes:
            module: Any = plan.trainee(recipe, first).to(device)
            module.start(first[recipe.reads].to(device), first[recipe.writes].to(device))
            modules.append(module.train())
        optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(m.parameters(), lr=m.recipe.rate, betas=(0.9, 0.999), fused=True)
            for m in modules
        ]
        return Session(plan, source, fellows, device, modules, optimisers, [[] for _ in modules])

    def go(self, book: Logbook, folder: Path | None, save_every: int) -> None:
        """From the last checkpoint, or the start, to the end."""
        digest = self.plan.digest(self.source, self.fellows)
        if folder is not None:
            self._resume(files.writable(folder), digest)
        book.begin(self.step, self.curves)
        plan = self.plan
        data = batches(self.source, plan.sites, plan.batch, self.cursor, plan.seed)
        while self.step < self.plan.steps:
            values, self.cursor = next(data)
            mine = self.fellows.share(values)
            outcomes = [self._update(i, mine) for i in range(len(self.modules))]
            self.step += 1
            if book.due(self.step, self.plan.steps):
                rows = [self._row(i, outcome) for i, outcome in enumerate(outcomes)]
                for curve, row in zip(self.curves, rows, strict=True):
                    curve.append(row)
                book.write(rows)
            if folder is not None and (self.step % save_every == 0 or self.step == self.plan.steps):
                self._save(folder, digest)
        book.end()

    def _update(self, i: int, values: Batch) -> Outcome:
        module, optimiser, recipe = self.modules[i], self.optimisers[i], self.plan.recipes[i]
        x, y = (values[site].to(self.device) for site in (recipe.reads, recipe.writes))
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * self.plan.schedule.at(self.step)
        cuda = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=cuda):
            outcome: Outcome = module(x, y, self.step / self.plan.steps)
        outcome.loss.backward()
        self.fellows.average([p.grad for p in module.parameters() if p.grad is not None])
        module.before_update()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        module.after_update(self.fellows.add(outcome.fired), self.plan.batch)
        self.fellows.average([b for b in module.buffers() if b.is_floating_point()])
        return outcome

    def _row(self, i: int, outcome: Outcome) -> Row:
        parts = {
            name: torch.as_tensor(v, device=self.device).float()
            for name, v in outcome.parts.items()
        }
        parts["loss"] = outcome.loss.detach().float()
        self.fellows.average(list(parts.values()))
        values = {name: float(value) for name, value in parts.items()}
        if not torch.isfinite(torch.tensor(list(values.values()))).all():
            raise NumericsError(
                f"{self.plan.recipes[i].label} diverged at step {self.step}: {values}; "
                f"use a smaller lr."
            )
        recipe, tokens = self.plan.recipes[i], self.step * self.plan.batch
        rate = recipe.rate * self.plan.schedule.at(self.step - 1)
        told = {"name": recipe.label, "step": self.step, "tokens": tokens, **values}
        return told | {"dead": self.modules[i].dead(), "lr": rate}

    def _save(self, folder: Path, digest: str) -> None:
        if self.fellows.first:
            progress = Progress(self.step, self.cursor, digest, self.curves)
            save_checkpoint(folder, progress, self.modules, self.optimisers)
        self.fellows.wait()

    def _resume(self, folder: Path, digest: str) -> None:
        found = load_checkpoint(folder, digest, self.modules, self.optimisers)
        if found is not None:
            self.step, self.cursor, self.curves = found.step, found.cursor, found.curves

    def finished(self, i: int, source: Activations) -> Trained:
        """The dictionary of one recipe, and its curve."""
        recipe, curve = self.plan.recipes[i], self.curves[i]
        last = {k: v for k, v in curve[-1].items() if k not in ("name", "step")} if curve else {}
        facts = {
            "kind": recipe.kind,
            "seed": recipe.seed,
            "steps": self.plan.steps,
            "batch": self.plan.batch,
            "last": last,
        }
        facts |= {k: getattr(recipe, k) for k in ("k", "groups") if hasattr(recipe, k)}
        origin = Origin(source=recipe.label, model=source.model, facts={"training": facts})
        return Trained(replace(self.modules[i].export(), origin=origin), tuple(curve))


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
