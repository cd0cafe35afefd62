"""What the top forks have in common: layers and components over forks, with controls.

Forks of one problem share their text, so intervals resample problems.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from microtome.lab import evidence
from microtome.statistics import Interval
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.decisions import CONDITIONS, ELSEWHERE, FORK, RANDOM, Rows
from microtome.studies.sampling.frames import columns_of
from microtome.studies.sampling.largest import SIZES

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("size", "size_low", "size_high")


def layer_means(layers: "pd.DataFrame", study: Configuration) -> Rows:
    """Mean contribution of every layer under every condition, with its interval."""
    found = []
    for condition, layer, rows in _by(layers, "layer"):
        row = {"condition": condition, "layer": int(layer)} | _means(rows, "total", study)
        row |= {name: float(rows[name].mean()) for name in ("attention", "mlp")}
        known = bool(rows["seed"].notna().all())
        original = columns_of(size_of(rows, "seed", study), "size") if known else {}
        found.append(row | {f"seed_{name}": original.get(name) for name in _COLUMNS})
    return found


def components(parts: "pd.DataFrame", study: Configuration) -> Rows:
    """Heads and MLPs by mean |contribution| at forks, the largest first, with their controls."""
    own = parts[parts["kind"].isin(("head", "mlp"))]
    every = {(c, name): rows for c, name, rows in _by(own, "component")}
    found = []
    for condition, name, rows in _by(own, "component"):
        if condition != FORK:
            continue
        row = {"component": name, "kind": rows["kind"].iloc[0], "layer": int(rows["layer"].iloc[0])}
        row |= _means(rows, "contribution", study)
        for other, prefix in ((ELSEWHERE, "elsewhere_"), (RANDOM, "random_pair_")):
            there = every.get((other, name))
            sizes = {} if there is None else columns_of(
                size_of(there, "contribution", study), "size"
            )  # fmt: skip
            row |= {f"{prefix}{what}": sizes.get(what) for what in _COLUMNS}
        found.append(row)
    return sorted(found, key=lambda row: -row["size"])


def _means(rows: "pd.DataFrame", column: str, study: Configuration) -> dict[str, Any]:
    """Mean of a contribution and of its size: forks write for one token here, the other there."""
    signed = evidence.mean(rows, column, by="problem", at=study.at)
    row = {"mean": signed.value, **evidence.columns(signed), "problems": signed.clusters}
    return row | columns_of(size_of(rows, column, study), "size")


def size_of(rows: "pd.DataFrame", column: str, study: Configuration) -> Interval:
    """Mean |column| with its interval over problems."""
    sizes = rows.assign(size=rows[column].abs())
    return evidence.mean(sizes, "size", by="problem", at=study.at, within=SIZES)


def _by(frame: "pd.DataFrame", column: str) -> "Iterator[tuple[str, Any, pd.DataFrame]]":
    for condition in CONDITIONS:
        here = frame[frame["condition"] == condition]
        for value, rows in here.groupby(column, sort=False):
            yield condition, value, rows
