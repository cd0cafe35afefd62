"""How well the sparse dictionaries of `specimen:world` do, and whether they meet their bars.

FVU, L0 and silent features on held-out wordings; what the network loses on fresh documents of
the training wordings, because on unseen ones the model does better without some MLPs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import microtome as mt
from kept import kept
from microtome import files
from microtome.dictionaries.load import load_dictionary
from microtome.dictionaries.network import network
from microtome.dictionaries.scores import score
from microtome.specimens import world
from microtome.specimens.world.corpus import mixed

SEED, FRESH, SCORED = 11, 977, 400
SAMPLE = {"texts": SCORED, "seed": SEED, "fresh_seed": FRESH}
"""What the scores are measured on."""
L0 = 20
FVU = {"resid_post": 0.06, "transcoder": 0.10}
"""Largest FVU at an L0 of at most 20, by sort of dictionary."""


def bars(name: str) -> dict[str, float]:
    """What a dictionary of this name should reach, at most."""
    return {"fvu": FVU[name.rpartition("_")[0]], "l0": L0}


def met(row: Mapping[str, Any]) -> bool:
    """Whether a row of scores reaches every bar of its dictionary."""
    return all(row[name]["value"] <= bar for name, bar in bars(row["name"]).items())


def verdict(row: Mapping[str, Any]) -> str:
    """A row of scores in a line, with its bars."""
    found = ", ".join(
        f"{name} {row[name]['value']:.3g} (at most {bar:g})"
        for name, bar in bars(row["name"]).items()
    )
    return f"{row['name']}: {found}: {'met' if met(row) else 'NOT met'}"


def measure(work: Path) -> list[dict[str, Any]]:
    """A row of scores for each dictionary; what `work` holds of the same files is not repeated."""
    model = mt.load("specimen:world")
    held = [document.text for document in islice(mixed("heldout", SEED), SCORED)]
    fresh = [document.text for document in islice(mixed("train", FRESH), SCORED)]
    rows = []
    for name, folder in world.dictionaries().items():
        weights = files.sha256_file(folder / "weights.safetensors")
        scored = partial(_scored, name, folder, model, held, fresh)
        row = kept(work / f"{name}.json", [weights, model.source.digest, SAMPLE], scored)
        rows.append({**row, "bars": bars(name), "met": met(row)})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def _scored(
    name: str, folder: Path, model: mt.Model, held: list[str], fresh: list[str]
) -> dict[str, Any]:
    dictionary = load_dictionary(folder)
    one, inside = score(dictionary, model, held), network(dictionary, model, fresh)
    values = {
        "fvu": one.fvu, "fvu_shuffled": one.fvu_shuffled, "l0": one.l0, "kl": inside.kl,
        "ce_recovered": inside.recovered_mean, "ce_increase": inside.increase,
        "ce_recovered_shuffled": inside.recovered_mean_shuffled,
    }  # fmt: skip
    row: dict[str, Any] = {"name": name, "d_dict": dictionary.d_dict, "dead": one.dead}
    row |= {k: {"value": v.value, "low": v.low, "high": v.high} for k, v in values.items()}
    return row | {"tokens": one.n_tokens, "fresh_tokens": inside.n_tokens}
