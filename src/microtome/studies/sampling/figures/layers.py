"""Figures of attribution at forks: layers with their controls, components, forks by layer."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure, Grid, Heatmap, Lines, Series
from microtome.lab.study import Tables
from microtome.studies.sampling.branches import records
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.decisions import CONDITIONS, FORK, PAIRS
from microtome.studies.sampling.figures.bands import ends
from microtome.studies.sampling.figures.forks import fork_label

if TYPE_CHECKING:
    import pandas as pd

UNIT = "contribution to logit top 1 − top 2"
_SHOWN = 20
_INK = {CONDITIONS[0]: 1, CONDITIONS[1]: 0, CONDITIONS[2]: 7}


def layer_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Who decides at the forks, layer by layer and component by component."""
    layers = tables["attribution_layers"]
    figures: list[Figure] = [
        _means(tables["attribution_layer_means"], study),
        _components(tables["attribution_components"], study),
        _map(layers[layers["condition"] == FORK]),
        _ablations(tables["attribution_ablations"]),
    ]
    return [*figures, _original(tables, study)] if study.formula == "seed" else figures


def _means(means: "pd.DataFrame", study: Configuration) -> Grid:
    n = int(means[means["condition"] == FORK]["n"].max())
    panels = [
        _panel(means, "size", "size_low", "size_high", "size, to either side"),
        _panel(means, "mean", "low", "high", "mean, for the token taken"),
    ]
    return Grid(
        "fork_attribution_layers",
        "Which layers write the difference at a fork",
        f"Exact contribution of every layer (attention and MLP) to logit top 1 − top 2 at {n} "
        f"forks: its size, and its mean with the sign; bands are {study.level:.0%} intervals over "
        f"problems. Controls: the same two tokens at the lowest-ranked fork of the same problem, "
        f"and {PAIRS} random pairs of tokens at each fork.",
        panels,
        columns=2,
    )


def _panel(means: "pd.DataFrame", value: str, low: str, high: str, title: str) -> Lines:
    series = []
    for name in CONDITIONS:
        own = means[means["condition"] == name].sort_values("layer")
        if len(own):
            series.append(
                Series(
                    name, own["layer"].tolist(), own[value].tolist(), *ends(own, low, high),
                    PALETTE[_INK[name]],
                )
            )  # fmt: skip
    return Lines(f"fork_attribution_{value}", title, "", series, "layer", f"{UNIT}, {value}")


def _components(top: "pd.DataFrame", study: Configuration) -> Bars:
    shown = top.head(_SHOWN)
    groups = [_sizes(shown, "", "at forks", PALETTE[1])]
    if shown["elsewhere_size"].notna().all():
        groups.append(_sizes(shown, "elsewhere_", CONDITIONS[1], PALETTE[0]))
    return Bars(
        "fork_attribution_components",
        "Heads and MLPs that write most at forks",
        f"Mean size of the exact contribution over the forks of highest rank, whichever token it "
        f"favours, with {study.level:.0%} intervals over problems. Blue: what the component writes "
        f"between the same two tokens where nothing is chosen between them.",
        shown["component"].tolist(),
        groups,
        f"{UNIT}, size",
        "component",
    )


def _sizes(shown: "pd.DataFrame", prefix: str, label: str, colour: str) -> BarGroup:
    value, low, high = (f"{prefix}{name}" for name in ("size", "size_low", "size_high"))
    return BarGroup(
        label, shown[value].astype(float).tolist(), *ends(shown, low, high), colour,
    )  # fmt: skip


def _map(layers: "pd.DataFrame") -> Heatmap:
    """Forks by layer."""
    places = layers.drop_duplicates(["problem", "t"])
    wide = [
        layers[(layers["problem"] == row["problem"]) & (layers["t"] == row["t"])]
        .sort_values("layer")["total"]
        .to_numpy()
        for row in records(places)
    ]
    names = [f"{row['problem']}, {fork_label(row, 0)}" for row in records(places)]
    return Heatmap(
        "fork_attribution_map",
        "Every fork, layer by layer",
        "Exact contribution of each layer to logit top 1 − top 2 at each fork (taken → forced); "
        "red writes for the token taken. With embedding, biases and rounding a row sums to the "
        "difference.",
        np.array(wide, dtype=float),
        names,
        [str(n) for n in sorted(layers["layer"].unique().tolist())],
        "fork",
        "layer",
        UNIT,
        annotate=True,
    )


def _ablations(rows: "pd.DataFrame") -> Bars:
    rows = rows.head(_SHOWN)
    labels = [f"{r['problem']}, {r['t']}: {r['component']}" for r in records(rows)]
    return Bars(
        "fork_attribution_ablations",
        "Predicted and observed: a component ablated at its fork",
        "The write of each fork's top component, then of a random one of the same kind, is "
        "replaced by its mean over the prefix. Predicted: the change of its direct contribution, "
        "norms frozen; observed: the change of the model's own logit top 1 − top 2, later layers "
        f"included. The first {_SHOWN // 2} forks; single ones have no interval.",
        labels,
        [
            BarGroup("predicted", rows["predicted"].tolist(), colour=PALETTE[5]),
            BarGroup("observed", rows["observed"].tolist(), colour=PALETTE[1]),
        ],
        "change of logit top 1 − top 2",
        "fork and component",
    )


def _original(tables: Tables, study: Configuration) -> Lines:
    means = tables["attribution_layer_means"]
    own = means[means["condition"] == FORK].sort_values("layer")
    series = [
        Series(
            label, own["layer"].tolist(), own[f"{prefix}size"].astype(float).tolist(),
            *ends(own, f"{prefix}size_low", f"{prefix}size_high"), PALETTE[ink],
        )
        for label, prefix, ink in (("exact", "", 1), ("original's formula", "seed_", 7))
    ]  # fmt: skip
    return Lines(
        "fork_attribution_original",
        "The original's formula beside the exact split",
        f"Mean size over forks, {study.level:.0%} intervals over problems. The original's "
        f"(W_U[top 1] − W_U[top 2])·(h_l − h_l−1) has no norm, gain or soft-cap and mixes a normed "
        f"last state with raw ones: it does not sum to the logit difference, the exact split does.",
        series,
        "layer",
        f"{UNIT}, size",
    )
