"""Figures of patching: heat maps of effects, the top components, consistency, pairs compared."""

import re
from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import Bars, Figure, Grid, Heatmap, Lines, Series
from microtome.lab.study import Tables
from microtome.studies.dilemmas.clear import clear
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.figures.whiskers import whiskers
from microtome.studies.dilemmas.frames import scenarios_in
from microtome.studies.dilemmas.players import Pair, players

if TYPE_CHECKING:
    import pandas as pd

CHANGE = "change of Δ (logits)"
SHARE = "share of the gap between the models"
_INKS = ("#000000", "#E69F00", "#56B4E9", "#882255", "#999933")
"""Colours of pairs, none of them a model's."""
_PER_PAIR = 8
_SHOWN = 30


def patching_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Heat maps per scenario; rankings and consistency per pair; reference and summary of all."""
    results, summary = tables["patching_results"], tables["patching_summary"]
    figures: list[Figure] = [
        _maps(results[results["scenario"] == scenario], scenario, study)
        for scenario in scenarios_in(results)
    ]
    for pair in _pairs(summary, study):
        figures.append(_top(_of(tables["patching_top"], pair), pair, study))
        figures += _consistency(_of(results, pair), pair, study)
    return [*figures, _residual(summary, study), *_across(summary, study)]


def _pairs(frame: "pd.DataFrame", study: Configuration) -> list[Pair]:
    there = set(zip(frame["source"], frame["target"], strict=True))
    return [pair for pair in study.parsed_pairs() if (pair.source, pair.target) in there]


def _of(frame: "pd.DataFrame", pair: Pair) -> "pd.DataFrame":
    return frame[(frame["source"] == pair.source) & (frame["target"] == pair.target)]


def _title(pair: Pair) -> str:
    both = players([pair.source, pair.target])
    return f"{both[pair.source].label} → {both[pair.target].label}"


def _maps(here: "pd.DataFrame", scenario: str, study: Configuration) -> Grid:
    return Grid(
        f"patch_heatmap_{scenario}",
        f"What one swapped component changes: {scenario}",
        "Change of the receiver's Δ = logit(D) − logit(C) when one component takes the source's "
        "activation, mean over the wordings; red towards defection, blue towards cooperation. "
        "ATTN is a layer's whole attention; one colour scale for all pairs.",
        [_map(_of(here, pair), pair) for pair in _pairs(here, study)],
        columns=2,
    )


def _map(rows: "pd.DataFrame", pair: Pair) -> Heatmap:
    parts = rows[rows["kind"] != "resid"]
    column = parts["component"].str.replace(r"^L\d+_?", "", regex=True)
    wide = parts.assign(column=column).pivot_table(
        index="layer", columns="column", values="delta_change"
    )
    order = sorted(wide.columns, key=_column_order)
    return Heatmap(
        f"patch_heatmap_{pair.name}",
        _title(pair),
        "",
        wide[order].to_numpy(),
        [str(int(layer)) for layer in wide.index],
        order,
        "layer",
        "component",
        CHANGE,
    )


def _column_order(name: str) -> tuple[int, int]:
    """Heads by number, then attention, then MLP."""
    head = re.fullmatch(r"H(\d+)", name)
    return (0, int(head[1])) if head else (1, ["ATTN", "MLP"].index(name))


def _top(top: "pd.DataFrame", pair: Pair, study: Configuration) -> Bars:
    colour = players([pair.source])[pair.source].colour
    ordered = top.sort_values("mean_towards", ascending=False)
    return Bars(
        f"patch_top_components_{pair.name}",
        f"Components whose swap changes most: {_title(pair)}",
        f"The {len(top)} heads, attentions and MLPs of largest mean effect over all prompts, each "
        f"prompt's counted towards the source; whiskers are {study.level:.0%} intervals over "
        f"{study.resample}, each for its component alone. The largest of many look larger than "
        f"they are.",
        list(ordered["component"]),
        [whiskers(ordered, "mean_towards", _title(pair), colour, "towards_")],
        "change of Δ towards the source (logits)",
        "component",
    )


def _consistency(results: "pd.DataFrame", pair: Pair, study: Configuration) -> list[Figure]:
    """Components that flip the action anywhere; no figure where none does."""
    parts = results[(results["kind"] != "resid") & clear(results, study)]
    share = parts.pivot_table(
        index="component", columns="scenario", values="action_flipped", sort=False
    ).astype(float)
    total = share.mean(axis=1)
    often = total[total > 0].sort_values(ascending=False, kind="stable").index[:_SHOWN]
    if len(often) == 0:
        return []
    return [
        Heatmap(
            f"patch_consistency_{pair.name}",
            f"How often a swap flips the action: {_title(pair)}",
            f"Share of a scenario's wordings on which the component alone flips the receiver's "
            f"action, of those with |Δ| of {study.flip_floor:g} logits or more and P(neither) of "
            f"{study.silent_above:g} or less; components that never do are left out.",
            share.loc[often].to_numpy(),
            list(often),
            list(share.columns),
            "component",
            "scenario",
            "share of wordings flipped",
            centre=None,
            annotate=True,
            limit=1.0,
        )
    ]


def _residual(summary: "pd.DataFrame", study: Configuration) -> Lines:
    series = []
    for i, pair in enumerate(_pairs(summary, study)):
        rows = _of(summary, pair)
        rows = rows[(rows["kind"] == "resid") & rows["normalised"].notna()].sort_values("layer")
        if len(rows):
            ink = _INKS[i % len(_INKS)]
            series.append(_line(rows, _title(pair), ink))
    return Lines(
        "patch_residual_stream",
        "The whole residual stream swapped, layer by layer",
        "Reference: the source's residual stream after a layer put into the receiver, as a share "
        "of the gap between the models (Σ sign(gap)·change / Σ|gap| over prompts); 1 at the last "
        f"layer by construction. Bands are {study.level:.0%} intervals over {study.resample}. "
        "Pairs whose gaps are too small to divide by are left out.",
        series,
        "layer",
        SHARE,
    )


def _line(rows: "pd.DataFrame", label: str, ink: str) -> Series:
    """Shares by layer with their intervals; what is equal on all prompts has none."""
    y = rows["normalised"].astype(float)
    ends = [rows[f"normalised_{end}"].astype(float) for end in ("low", "high")]
    layers = rows["layer"].tolist()
    if ends[0].isna().all():
        return Series(label, layers, y.tolist(), colour=ink)
    low, high = (end.fillna(y).tolist() for end in ends)
    return Series(label, layers, y.tolist(), low, high, ink)


def _across(summary: "pd.DataFrame", study: Configuration) -> list[Figure]:
    """The strongest components of each pair, compared between all pairs."""
    parts = summary[(summary["kind"] != "resid") & summary["normalised"].notna()]
    pairs = _pairs(parts, study)
    if not pairs:
        return []
    strongest = [
        name
        for pair in pairs
        for name in _of(parts, pair)
        .sort_values("normalised", key=abs, ascending=False)["component"]
        .head(_PER_PAIR)
    ]
    shown = sorted(set(strongest), key=lambda c: ([int(n) for n in re.findall(r"\d+", c)], c))
    values = np.array(
        [
            [_of(parts, pair).set_index("component")["normalised"].get(c, np.nan) for pair in pairs]
            for c in shown
        ]
    )
    return [
        Heatmap(
            "cross_experiment_summary",
            "The strongest components of every pair",
            f"Share of the gap between the models that one swapped component closes "
            f"(Σ sign(gap)·change / Σ|gap| over prompts), for the {_PER_PAIR} strongest of each "
            f"pair. Positive brings the receiver towards the source.",
            values,
            shown,
            [_title(pair) for pair in pairs],
            "component",
            "pair",
            SHARE,
            annotate=True,
        )
    ]
