"""A training under way: the plan that decides what it ends in, and the loop itself.

Everything a step depends on (weights, optimiser, place in the data, random numbers) is in the
checkpoint, so that going on is bitwise what an undisturbed training does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

import torch
from torch import nn

from microtome import files
from microtome.dictionaries.activations import Activations, Batch, Cursor, batches
from microtome.dictionaries.checkpoints import Progress, load_checkpoint, save_checkpoint
from microtome.dictionaries.content import content_digest
from microtome.dictionaries.dictionary import Dictionary, Origin
from microtome.dictionaries.logbook import Logbook, Row
from microtome.dictionaries.parallel import Ranks
from microtome.dictionaries.recipes import Recipe
from microtome.dictionaries.trainee import Outcome, trainee_of
from microtome.errors import NumericsError
from microtome.model.site import Site


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
        """Of the plan, the data and the number of ranks, by their content."""
        sites = [str(s) for s in source.sites]
        return content_digest([self, source.model, sites, source.digest, fellows.size])

    def trainee(self, recipe: Recipe, first: Batch) -> nn.Module:
        """The module that learns it, started on the first batch."""
        x, y = first[recipe.reads], first[recipe.writes]
        silent = getattr(recipe, "dead_after", None)
        dead_after = silent or min(10_000_000, max(self.batch, self.steps * self.batch // 20))
        sizes = (int(x.shape[1]), int(y.shape[1]), dead_after)
        module: Any = trainee_of(recipe, *sizes, self.sparse)
        return module


def _groups(module: Any) -> list[dict[str, Any]]:
    """Parameters by their peak learning rate: a recipe's own one for some, its common one."""
    found: dict[float, list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        found.setdefault(module.recipe.rates.get(name, module.recipe.rate), []).append(parameter)
    return [{"params": parameters, "peak": rate} for rate, parameters in found.items()]


@dataclass
class Loop:
    """A training under way."""

    plan: Plan
    source: Activations
    fellows: Ranks
    device: torch.device
    modules: list[Any]
    optimisers: list[torch.optim.Optimizer]
    curves: list[list[Row]]
    opening: Iterator[tuple[Batch, Cursor]]
    """The data from the start."""
    step: int = 0
    cursor: Cursor = field(default_factory=Cursor)

    @staticmethod
    def opened(plan: Plan, source: Activations, device: torch.device, fellows: Ranks) -> Loop:
        """Modules started on the first batch, the same on every rank."""
        data = batches(source, plan.sites, plan.batch, seed=plan.seed)
        first, after = next(data)
        modules = []
        for recipe in plan.recipes:
            module: Any = plan.trainee(recipe, first).to(device)
            module.start(first[recipe.reads].to(device), first[recipe.writes].to(device))
            modules.append(module.train())
        optimisers: list[torch.optim.Optimizer] = [
            torch.optim.Adam(_groups(m), lr=m.recipe.rate, betas=(0.9, 0.999), fused=True)
            for m in modules
        ]
        curves: list[list[Row]] = [[] for _ in modules]
        opening = chain([(first, after)], data)
        return Loop(plan, source, fellows, device, modules, optimisers, curves, opening)

    def go(self, book: Logbook, folder: Path | None, save_every: int) -> None:
        """From the last checkpoint, or the start, to the end."""
        digest = "" if folder is None else self.plan.digest(self.source, self.fellows)
        if folder is not None:
            self._resume(files.writable(folder), digest)
        book.begin(self.step, self.curves)
        plan = self.plan
        data = self.opening
        if self.step:
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
            group["lr"] = group["peak"] * self.plan.schedule.at(self.step)
        cuda = self.device.type == "cuda"
        with torch.autocast(self.device.type, torch.bfloat16, enabled=cuda):
            outcome: Outcome = module(x, y, self.step / self.plan.steps)
        outcome.loss.backward()
        self._share_gradients(i, outcome)
        module.before_update()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        module.after_update(self.fellows.add(outcome.fired), self.plan.batch)
        self.fellows.average([b for b in module.buffers() if b.is_floating_point()])
        return outcome

    def _share_gradients(self, i: int, outcome: Outcome) -> None:
        """The mean over the ranks; NumericsError, before the step is taken, for one not finite."""
        gradients = [p.grad for p in self.modules[i].parameters() if p.grad is not None]
        loss = outcome.loss.detach().float().clone()
        self.fellows.average([*gradients, loss])
        sums = torch.stack([loss, *(g.sum(dtype=torch.float32) for g in gradients)])
        if not bool(sums.isfinite().all()):
            parts = {name: float(value) for name, value in outcome.parts.items()}
            raise NumericsError(
                f"{self.plan.recipes[i].label} diverged at step {self.step + 1} (loss "
                f"{float(loss):.4g}, {parts}), which was not taken; use a smaller lr."
            )

    def _row(self, i: int, outcome: Outcome) -> Row:
        parts = {
            name: torch.as_tensor(v, device=self.device).float()
            for name, v in outcome.parts.items()
        }
        parts["loss"] = outcome.loss.detach().float()
        self.fellows.average(list(parts.values()))
        values = {name: float(value) for name, value in parts.items()}
        recipe, tokens = self.plan.recipes[i], self.step * self.plan.batch
        rate = self.optimisers[i].param_groups[0]["lr"]
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
