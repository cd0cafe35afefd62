"""The features step's tables and arrays, read back as activations where each prompt is read."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.study import Arrays, Tables
from microtome.studies.misconceptions.codes import Codes, of_run
from microtome.studies.misconceptions.contrasting import Feature, Sides, joined, sides
from microtome.studies.misconceptions.reading import by_reading

if TYPE_CHECKING:
    import pandas as pd


def layers_in(tables: Tables) -> dict[int, int]:
    """Every layer that was read, with the number of its dictionary's features."""
    found = tables["features_dictionaries"].drop_duplicates("layer")
    return dict(zip(map(int, found["layer"]), map(int, found["d_dict"]), strict=True))


def codes_in(arrays: Arrays, tables: Tables) -> dict[int, Codes]:
    """The codes of all tokens, by layer."""
    return {layer: of_run(arrays, layer) for layer in layers_in(tables)}


def sides_in(tables: Tables, arrays: Arrays) -> Sides:
    """Both members' activations of every feature that fires at all, over all layers."""
    prompts = tables["features_prompts"]
    pairs = list(prompts["pair_id"])[::2]
    parts = []
    for layer, d_dict in layers_in(tables).items():
        values = values_at(prompts, of_run(arrays, layer), d_dict)
        parts.append(sides(layer, values, pairs, np.any(values > 0, axis=0)))
    return joined(parts)


def factor_sides(tables: Tables, arrays: Arrays, role: str, features: Sequence[Feature]) -> Sides:
    """Both members' activations of some features on the pairs of one factor."""
    return _by_role(tables["factors_prompts"], "factors", tables, arrays, features)[role]


def sides_by_role(tables: Tables, arrays: Arrays, features: Sequence[Feature]) -> dict[str, Sides]:
    """The same on the pairs of every role that the steps features and factors read."""
    found = _by_role(tables["features_prompts"], "codes", tables, arrays, features)
    if "factors_prompts" not in tables:
        return found
    return found | _by_role(tables["factors_prompts"], "factors", tables, arrays, features)


def _by_role(
    prompts: "pd.DataFrame", of: str, tables: Tables, arrays: Arrays, features: Sequence[Feature]
) -> dict[str, Sides]:
    pairs, parts = list(prompts["pair_id"])[::2], []
    asked = {feature.layer for feature in features}
    for layer, d_dict in layers_in(tables).items():
        if layer in asked or not asked:
            values = values_at(prompts, of_run(arrays, layer, of), d_dict)
            parts.append(sides(layer, values, pairs, np.ones(d_dict, dtype=bool)))
    every = joined(parts).only(features)
    return {
        str(role): every.of(list(dict.fromkeys(own)))
        for role, own in prompts.groupby("role", sort=False)["pair_id"]
    }


def values_at(prompts: "pd.DataFrame", codes: Codes, d_dict: int) -> np.ndarray:
    """Activations "prompt d_dict" where each prompt is read."""
    at = [
        range(first, last + 1)
        for first, last in zip(prompts["first"], prompts["last"], strict=True)
    ]
    return by_reading(codes, d_dict, list(prompts["tokens"]), at, list(prompts["read"]))


def pairs_in(tables: Tables, role: str) -> list[str]:
    """Ids of the pairs of one role."""
    prompts = tables["features_prompts"]
    return list(dict.fromkeys(prompts.loc[prompts["role"] == role, "pair_id"]))
