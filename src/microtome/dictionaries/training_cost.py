"""What a training would cost, told without the weights: tokens, FLOPs, time, disk.

The model's FLOPs are those of `microtome.model.speed` up to the last block needed. A dictionary's
are, per token, 2 · d_dict · d_in where only the selection is a dense product (on a CPU), and
5 · d_dict · (d_in + d_out) where all is. The time of both is measured: one block of the model, and
a few steps on random activations.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from microtome.dictionaries.activations import InMemory
from microtome.dictionaries.recipes import Recipe
from microtome.dictionaries.training import train
from microtome.errors import ConfigError
from microtome.model.config import config_of
from microtome.model.load import choose_device
from microtome.model.site import Site
from microtome.model.speed import arithmetic, flops_per_second

_TIMED = 4


@dataclass(frozen=True)
class TrainingCost:
    """Estimates; `seconds` is for this machine as it is now."""

    tokens: int
    passed: int
    """Tokens that go through the model."""
    model_flops: float
    dictionary_flops: float
    seconds: float
    disk_bytes: int

    def lines(self) -> list[str]:
        """The same in words."""
        hours, rest = divmod(int(self.seconds), 3600)
        return [
            f"{self.tokens:,} activations to learn from, {self.passed:,} tokens through the model",
            f"{self.model_flops:.2e} FLOPs in the model, {self.dictionary_flops:.2e} in training",
            f"about {hours} h {rest // 60} min {rest % 60} s on this machine",
            f"{self.disk_bytes / 2**20:,.1f} MiB on disk",
        ]


def training_cost(
    model: str,
    recipes: Sequence[Recipe],
    *,
    steps: int,
    batch: int,
    corpus_tokens: int,
    captured: bool = False,
    device: str = "auto",
    dtype: str = "auto",
) -> TrainingCost:
    """What training these on a model would cost; `captured` reads the texts through once."""
    sites = tuple(dict.fromkeys(s for r in recipes for s in (r.reads, r.writes)))
    widths = _widths(model, sites)
    tokens = steps * batch
    passed = min(corpus_tokens, tokens) if captured else tokens
    sums = arithmetic(model)
    through = passed * sums.block * (1 + max(site.layer for site in sites))
    sizes = [r.d_dict * (widths[r.reads] + widths[r.writes]) for r in recipes]
    sparse = choose_device(device).type == "cpu"
    selection = sum(2 * r.d_dict * widths[r.reads] for r in recipes)
    products = selection if sparse else 5 * sum(sizes)
    speed = flops_per_second(model, device=device, dtype=dtype)
    shards = 2 * passed * sum(widths.values()) if captured else 0
    return TrainingCost(
        tokens=tokens,
        passed=passed,
        model_flops=float(through),
        dictionary_flops=float(products) * tokens,
        seconds=through / speed + steps * _step_seconds(recipes, widths, batch, device),
        disk_bytes=shards + 4 * sum(sizes) + 3 * 4 * sum(sizes),
    )


def _widths(model: str, sites: Sequence[Site]) -> dict[Site, int]:
    config = config_of(model).get_text_config()
    found = {}
    for site in sites:
        if site.kind in ("q", "k", "v", "head_z", "attn_z"):
            raise ConfigError(
                f"The cost at {site} is not told beforehand; use a site of the residual stream, "
                f"an MLP or a contribution."
            )
        width = config.intermediate_size if site.kind == "mlp_act" else config.hidden_size
        found[site] = int(width)
    return found


def _step_seconds(
    recipes: Sequence[Recipe], widths: dict[Site, int], batch: int, device: str
) -> float:
    g = torch.Generator().manual_seed(0)
    values = {site: torch.randn(2 * batch, width, generator=g) for site, width in widths.items()}
    named = [replace(r, name=str(i)) for i, r in enumerate(recipes)]
    start = time.perf_counter()
    train(named, InMemory(values), steps=1, batch=batch, device=device)
    warm = time.perf_counter()
    train(named, InMemory(values), steps=1 + _TIMED, batch=batch, device=device)
    return max(time.perf_counter() - warm - (warm - start), 1e-4) / _TIMED
