"""Figures of manifold and drift: distances per layer with their controls, and distributions."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure, Lines, Series
from microtome.lab.study import Tables
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.figures.bands import ends

if TYPE_CHECKING:
    import pandas as pd

_BLUE, _RED, _GREEN, _GREY = PALETTE[0], PALETTE[1], PALETTE[2], PALETTE[7]
_POINTS = np.linspace(0, 1, 41)


def manifold_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """Distance over layers, and its distribution in the layer of the study."""
    rows, frame = tables["manifold_by_layer"], tables["manifold"]
    if rows.empty:
        return []
    layer = int(rows["layer"].iloc[study.layer_among(list(rows["layer"]))])
    return [_layers(rows, study), _distribution(frame, tables["manifold_reference"], layer, study)]


def _layers(rows: "pd.DataFrame", study: Configuration) -> Lines:
    return Lines(
        "manifold_by_layer",
        "Distance to the oracle over layers",
        f"Mean over problems of |z − z*| / √mean|z|² at T = {study.manifold_temperature:g}; bands "
        f"are {study.level:.0%} intervals over problems. Control: the oracle's text of another "
        f"problem.",
        [
            series(rows, "relative", "own oracle", _BLUE),
            series(rows, "relative_control", "control: another problem's", _GREY),
        ],
        "layer",
        "distance / √mean|z|²",
    )


def _distribution(
    frame: "pd.DataFrame", reference: "pd.DataFrame", layer: int, study: Configuration
) -> Lines:
    own = frame[frame["layer"] == layer]
    among = reference[reference["layer"] == layer].groupby("quantile")["relative"].mean()
    lines = [
        _shares(own["relative"], "completion to oracle", _BLUE),
        _shares(own["relative_control"], "control: completion to another's oracle", _GREY),
    ]
    if len(among):
        x, y = among.to_numpy(float).tolist(), among.index.to_numpy(float).tolist()
        lines.insert(1, Series("completion to completion", x, y, colour=_GREEN))
    return Lines(
        "manifold_distribution",
        f"Distances in layer {layer}",
        "Share of distances that are at most so large, all problems together; the distances among "
        "a problem's own completions are what an oracle is measured by.",
        lines,
        "distance / √mean|z|²",
        "share of distances",
    )


def drift_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """The three arms over layers, problem by problem, and their distributions."""
    rows, frame = tables["drift_by_layer"], tables["drift"]
    if rows.empty:
        return []
    layer = int(rows["layer"].iloc[study.layer_among(list(rows["layer"]))])
    own = frame[frame["layer"] == layer]
    share = f"{study.oracle_percentage:.0%}"
    arms = {
        "forced": (f"first {share} of the oracle forced", _BLUE),
        "unforced": ("free completions, same tokens", _RED),
        "control": ("control: another oracle's tokens forced", _GREY),
    }
    by_layer = Lines(
        "drift_by_layer",
        "Distance to the oracle's continuation",
        f"|z − z*| / |z*| over the tokens behind the first {share} of the oracle's length, mean "
        f"over problems; bands are {study.level:.0%} intervals over problems.",
        [series(rows, arm, label, ink) for arm, (label, ink) in arms.items()],
        "layer",
        "distance / |z*|",
    )
    spread = Lines(
        "drift_distribution",
        f"Distances after the fork in layer {layer}",
        "Share of completions that are at most so far from the oracle's continuation, all "
        "problems together.",
        [_shares(own[own["arm"] == arm]["relative"], *arms[arm]) for arm in arms],
        "distance / |z*|",
        "share of completions",
    )
    return [by_layer, _per_problem(own, layer, arms), spread]


def _per_problem(own: "pd.DataFrame", layer: int, arms: dict[str, tuple[str, str]]) -> Bars:
    problems = list(dict.fromkeys(own["problem"]))
    groups = []
    for arm, (label, ink) in arms.items():
        parts = [own[(own["problem"] == p) & (own["arm"] == arm)]["relative"] for p in problems]
        quartiles = [_quartiles(part) for part in parts]
        low, middle, high = ([q[k] for q in quartiles] for k in range(3))
        groups.append(BarGroup(label, middle, low, high, ink))
    return Bars(
        "drift_per_problem",
        f"Every problem's distances in layer {layer}",
        "Median over the completions of a problem; whiskers hold the middle half of them.",
        problems,
        groups,
        "problem",
        "distance / |z*|",
        horizontal=False,
    )


def _quartiles(values: "pd.Series") -> list[float]:
    if values.empty:
        return [0.0, 0.0, 0.0]
    return [float(q) for q in np.quantile(values.to_numpy(float), [0.25, 0.5, 0.75])]


def _shares(values: "pd.Series", label: str, ink: str) -> Series:
    """A distribution function in forty steps."""
    found = np.quantile(values.to_numpy(float), _POINTS) if len(values) else np.zeros(0)
    return Series(label, found.tolist(), _POINTS[: len(found)].tolist(), colour=ink)


def series(rows: "pd.DataFrame", name: str, label: str, ink: str | None = None) -> Series:
    """A column over layers with its band, where there are intervals."""
    return Series(
        label,
        rows["layer"].astype(float).tolist(),
        rows[name].astype(float).tolist(),
        *ends(rows, f"{name}_low", f"{name}_high"),
        ink,
    )
