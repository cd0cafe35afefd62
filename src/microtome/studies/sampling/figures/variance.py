"""Figures of variance: by layer and length, by layer and temperature, and by length alone."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import Figure, Grid, Heatmap, Lines, Series
from microtome.lab.study import Tables
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.figures.bands import ends

if TYPE_CHECKING:
    import pandas as pd

_SPLIT = "split_half_relative"
UNIT = "variance between completions / mean |z|²"


def variance_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Maps, profiles over layers, and curves over length; none where nothing was measured."""
    frame = tables.get("variance_by_setting")
    if frame is None or frame.empty or _SPLIT not in frame:
        return []
    frame = frame[frame[_SPLIT].notna()]
    if frame.empty:
        return []
    last = frame["checkpoint"].max()
    end, hottest = frame[frame["checkpoint"] == last], frame["temperature"].max()
    layers = list(dict.fromkeys(end["layer"]))
    # Chosen beforehand, as in the findings: the largest would be so in part by chance.
    layer = layers[study.layer_among(layers)]
    curve = frame[(frame["temperature"] == hottest) & (frame["layer"] == layer)]
    found: list[Figure] = [_maps(frame), _profiles(end, int(last), study)]
    if len(curve) > 1:
        found.append(_lengths(curve, int(layer), float(hottest), study))
    return found


def _maps(frame: "pd.DataFrame") -> Grid:
    temperatures = sorted(set(frame["temperature"].astype(float)))
    panels = [_map(frame[frame["temperature"] == t], t) for t in temperatures]
    return Grid(
        "variance_by_layer_and_length",
        "Where completions of one problem differ",
        "Split-half variance between completions over mean |z|², mean over problems: the part of "
        "tr Cov that does not come from pooling few tokens. One colour scale for all temperatures; "
        "values below 0, which no variance has, are shown as 0 and stand in the table.",
        panels,
        columns=3,
    )


def _map(part: "pd.DataFrame", temperature: float) -> Heatmap:
    wide = part.pivot_table(index="layer", columns="checkpoint", values=_SPLIT)
    return Heatmap(
        f"variance_map_{temperature:g}",
        f"T = {temperature:g}",
        "",
        np.clip(wide.to_numpy(float), 0, None),
        [str(layer) for layer in wide.index],
        [str(checkpoint) for checkpoint in wide.columns],
        "layer",
        "generated tokens",
        UNIT,
        centre=None,
        annotate=wide.size <= 60,
    )


def _profiles(end: "pd.DataFrame", last: int, study: Configuration) -> Lines:
    series = [
        _series(part.sort_values("layer"), "layer", _SPLIT, f"T = {t:g}")
        for t, part in end.groupby("temperature")
    ]
    return Lines(
        "variance_by_layer",
        f"Spread over layers after {last} tokens",
        f"Split-half variance between completions over mean |z|², mean over problems; bands are "
        f"{study.level:.0%} intervals over problems.",
        series,
        "layer",
        UNIT,
    )


def _lengths(curve: "pd.DataFrame", layer: int, temperature: float, study: Configuration) -> Lines:
    ordered = curve.sort_values("checkpoint")
    names = {
        "tr_cov_relative": "tr Cov",
        _SPLIT: "split half",
        "control_relative": "control: halves of different completions",
    }
    series = [
        _series(ordered, "checkpoint", name, label)
        for name, label in names.items()
        if ordered[name].notna().all()
    ]
    return Lines(
        "variance_by_length",
        f"Spread over length: layer {layer}, T = {temperature:g}",
        f"tr Cov holds the scatter of tokens, which falls with every token pooled; the split half "
        f"holds what differs between completions. Mean over problems, bands are {study.level:.0%} "
        f"intervals over problems.",
        series,
        "generated tokens",
        "variance / mean |z|²",
    )


def _series(part: "pd.DataFrame", x: str, name: str, label: str) -> Series:
    return Series(
        label,
        part[x].astype(float).tolist(),
        part[name].astype(float).tolist(),
        *ends(part, f"{name}_low", f"{name}_high"),
    )
