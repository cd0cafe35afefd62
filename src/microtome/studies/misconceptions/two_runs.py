"""Two runs side by side: the features of the same prompts, the first run minus the second.

Prompts are matched by id and read where their own run read them. Both runs must have used the same
dictionaries, told by their sha256 (or by their source, where there is no file), since feature 7
of one dictionary is not feature 7 of another.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome import files
from microtome.errors import RunError
from microtome.lab.record import Record
from microtome.lab.study import Arrays, Tables
from microtome.statistics import Level
from microtome.studies.misconceptions.codes import PARTS, of_run
from microtome.studies.misconceptions.intervals import ends, means
from microtome.studies.misconceptions.measured import layers_in, values_at

if TYPE_CHECKING:
    import pandas as pd

_TABLES = ("features_prompts", "features_dictionaries")


def contrast_runs(
    a: str | Path, b: str | Path, out: str | Path | None = None, *, topk: int = 20
) -> dict[str, Any]:
    """The report of run `a` minus run `b`, written to `out` as JSON if given.

    RunError where a folder holds no finished features or the dictionaries differ.
    """
    tables, arrays = _read(Path(a))
    report = contrast_with(Path(b), tables, arrays, topk)
    if out is not None:
        files.write_json(Path(out), report)
    return report


def contrast_with(other: Path, tables: Tables, arrays: Arrays, topk: int) -> dict[str, Any]:
    """The report of features at hand minus those of another run."""
    there, its_arrays = _read(other)
    layers = _shared_layers(tables, there, other)
    prompts = tables["features_prompts"]
    ids = _shared_ids(prompts, there["features_prompts"], other)
    by_layer, every = {}, []
    pair_of = dict(zip(prompts["id"], prompts["pair_id"], strict=True))
    pairs = [str(pair_of[name]) for name in ids]
    for layer, d_dict in layers.items():
        one = _values(tables, arrays, layer, d_dict, ids)
        two = _values(there, its_arrays, layer, d_dict, ids)
        by_layer[str(layer)] = _over_prompts(one, two, topk, pairs)
        every += [
            {"id": name, "layer": layer, **_top(one[i] - two[i], one[i], two[i], topk)}
            for i, name in enumerate(ids)
        ]
    return {
        "difference": "a - b",
        "b": str(other),
        "prompts": len(ids),
        "diffs_by_layer": by_layer,
        "all_diffs": every,
    }


def _over_prompts(one: np.ndarray, two: np.ndarray, topk: int, pairs: list[str]) -> dict[str, Any]:
    """Mean difference over prompts, members of a pair counting as one."""
    top = _top((one - two).mean(0), one.mean(0), two.mean(0), topk)
    low, high = ends(means((one - two)[:, top["top_diff_features"]], Level(), pairs))
    return top | {"low": low, "high": high, "n": len(one)}


def _top(difference: np.ndarray, a: np.ndarray, b: np.ndarray, topk: int) -> dict[str, Any]:
    order = np.argsort(-np.abs(difference), kind="stable")[:topk]
    kept = [int(i) for i in order if difference[i] != 0]
    return {
        "top_diff_features": kept,
        "diff_magnitudes": difference[kept].tolist(),
        "a_activations": a[kept].tolist(),
        "b_activations": b[kept].tolist(),
    }


def _values(tables: Tables, arrays: Arrays, layer: int, d_dict: int, ids: list[str]) -> np.ndarray:
    prompts = tables["features_prompts"]
    place = {name: i for i, name in enumerate(prompts["id"])}
    values = values_at(prompts, of_run(arrays, layer), d_dict)
    return values[[place[name] for name in ids]]


def _shared_layers(here: Tables, there: Tables, other: Path) -> dict[int, int]:
    """Layers that both runs read with the same dictionary."""
    own, its = (_identities(t["features_dictionaries"]) for t in (here, there))
    shared = [layer for layer in own if layer in its]
    if not shared:
        raise RunError(f"{other} has none of the layers {sorted(own)} (it has {sorted(its)}).")
    for layer in shared:
        if own[layer] != its[layer]:
            raise RunError(
                f"{other} read layer {layer} with another dictionary ({its[layer]}, here "
                f"{own[layer]}); features of different dictionaries cannot be compared."
            )
    sizes = layers_in(here)
    return {layer: sizes[layer] for layer in shared}


def _identities(frame: "pd.DataFrame") -> dict[int, str]:
    rows = frame.drop_duplicates("layer").to_dict("records")
    return {int(row["layer"]): str(row["sha256"] or row["source"]) for row in rows}


def _shared_ids(here: "pd.DataFrame", there: "pd.DataFrame", other: Path) -> list[str]:
    its = set(there["id"])
    shared = [str(name) for name in here["id"] if name in its]
    if not shared:
        raise RunError(f"{other} has no prompt of the same id; contrast runs of the same prompts.")
    return shared


def _read(run: Path) -> tuple[Tables, Arrays]:
    """The features step of a finished run, its files checked."""
    import safetensors.numpy

    record = Record(run)
    if "features" not in record.manifest.steps:
        raise RunError(f"{run} has no step 'features'; run it with --steps features first.")
    tables = {name: record.table(name) for name in _TABLES}
    units = _units(record)
    arrays: dict[str, Mapping[str, np.ndarray]] = {}
    for layer in layers_in(tables):
        for name in (f"codes_layer_{layer}_{part}" for part in PARTS):
            path = run / "arrays" / f"{name}.safetensors"
            if files.sha256_file(path) != record.manifest.artifacts[f"arrays/{path.name}"].sha256:
                raise RunError(f"{path} is damaged; `microtome verify --repair` recreates it.")
            loaded = safetensors.numpy.load_file(path)
            arrays[name] = {unit: loaded[unit] for unit in units}
    return tables, arrays


def _units(record: Record) -> list[str]:
    """The units in the order of the tables, which the file of arrays does not keep."""
    return list(dict.fromkeys(record.table("features_prompts")["unit"]))
