"""Figures of the logit lens: trajectories per scenario, their grid, final preferences."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import Figure, Grid, Heatmap, Lines, Series
from microtome.lab.study import Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.frames import present, scenarios_in
from microtome.studies.dilemmas.players import Player

if TYPE_CHECKING:
    import pandas as pd

DELTA = "Δ logit (D − C)"


def lens_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """One comparison of models per scenario, all of them as a grid, and where they end."""
    frame = tables["lens_trajectories"]
    scenarios = scenarios_in(frame)
    panels = [_comparison(frame, scenario, study) for scenario in scenarios]
    grid = Grid(
        "logit_lens_grid",
        "Leaning at each layer, all scenarios",
        "Every panel is one scenario; lines are means over its wordings, bands reach from the "
        "smallest to the largest. Above zero leans to defection.",
        [_titled(panel, scenario) for panel, scenario in zip(panels, scenarios, strict=True)],
        columns=3,
    )
    return [*panels, grid, _final(tables["lens_statistics"], study)]


def _comparison(frame: "pd.DataFrame", scenario: str, study: Configuration) -> Lines:
    here = frame[frame["scenario"] == scenario]
    n = here["variant"].nunique()
    series = [
        _series(here[here["model"] == name], player)
        for name, player in present(here, study).items()
    ]
    return Lines(
        f"logit_lens_comparison_{scenario}",
        f"Leaning at each layer: {scenario}",
        f"Logit lens of Δ = logit(D) − logit(C) at the fork; lines are means over {n} wordings, "
        f"bands reach from the smallest to the largest. Above zero leans to defection.",
        series,
        "layer",
        DELTA,
    )


def _titled(panel: Lines, scenario: str) -> Lines:
    return Lines(panel.name, scenario, panel.caption, panel.series, panel.x_label, panel.y_label)


def _series(rows: "pd.DataFrame", player: Player) -> Series:
    by_layer = rows.groupby("layer")["delta"]
    return Series(
        player.label,
        sorted(rows["layer"].unique().tolist()),
        by_layer.mean().tolist(),
        by_layer.min().tolist(),
        by_layer.max().tolist(),
        player.colour,
    )


def _final(statistics: "pd.DataFrame", study: Configuration) -> Heatmap:
    compared = present(statistics, study)
    means = statistics.groupby(["model", "scenario"])["final_delta"].mean()
    scenarios = scenarios_in(statistics)
    values = [[means.get((name, s), np.nan) for s in scenarios] for name in compared]
    return Heatmap(
        "final_preferences_heatmap",
        "Where each model ends",
        "Δ of the last layer, mean over the wordings of a scenario; red is defection, blue "
        "cooperation.",
        np.array(values, dtype=float),
        [player.label for player in compared.values()],
        scenarios,
        "model",
        "scenario",
        DELTA,
        annotate=True,
    )
