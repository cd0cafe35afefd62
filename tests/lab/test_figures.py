"""Both renderers show the same values, survive any text, and equal figures give equal bytes."""

import csv
import io
import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from microtome.lab import interactive, still
from microtome.lab.figures import PALETTE, BarGroup, Bars, Grid, Heatmap, Lines, Series

from .gallery import components, gallery, grid_of_heads, heads, trajectories

HOSTILE = "$\\frac{ <b>%{x}</b> & \x00\x1b \ud800 日本 \n" + "long " * 40


@pytest.mark.medium
@pytest.mark.parametrize("figure", gallery(), ids=lambda figure: figure.name)
def test_every_kind_is_drawn_by_both(figure) -> None:
    picture = still.draw(figure)
    png = still.png(picture)
    assert png.startswith(b"\x89PNG")
    svg = still.svg(picture)
    assert b"<path" in svg
    ET.fromstring(svg)
    assert still.png(still.draw(figure)) == png
    assert interactive.to_json(figure) == interactive.to_json(figure)


@pytest.mark.medium
def test_the_screen_figure_is_in_plotlys_schema() -> None:
    from plotly import graph_objects

    for figure in gallery():
        graph_objects.Figure(json.loads(interactive.to_json(figure)))


def test_csv_and_screen_hold_the_values() -> None:
    figure = heads()
    rows = list(csv.DictReader(io.StringIO(still.csv(figure).decode())))
    assert len(rows) == 26 * 8
    assert float(rows[9]["value"]) == figure.values[1, 1]
    assert math.isnan(float(rows[26]["value"]))
    drawn = json.loads(interactive.to_json(figure))["data"][0]
    assert drawn["z"][1][1] == figure.values[1, 1]
    assert drawn["z"][3][2] is None


def test_diverging_scales_are_symmetric_about_their_centre() -> None:
    assert heads().scale()[0] == -heads().scale()[1] < 0
    half = Heatmap("x", "", "", np.array([[0.2, 0.9]]), "a", "bc", "", "", "", centre=0.5)
    assert half.scale() == pytest.approx((0.1, 0.9))
    blank = Heatmap("x", "", "", np.full((1, 2), np.nan), "a", "bc", "", "", "")
    assert blank.scale() == (-1.0, 1.0)
    still.draw(blank)


def test_grids_of_heatmaps_share_one_scale() -> None:
    scales = {panel.scale() for panel in grid_of_heads().shared()}
    assert len(scales) == 1
    assert scales.pop()[1] == max(panel.scale()[1] for panel in grid_of_heads().panels)
    layout = json.loads(interactive.to_json(grid_of_heads()))["layout"]
    assert [key for key in layout if key.startswith("coloraxis")] == ["coloraxis"]


def test_heatmaps_of_two_quantities_keep_two_scales() -> None:
    other = Heatmap("o", "", "", np.full((1, 2), 9.0), "a", "bc", "", "", "seconds", centre=None)
    mixed = Grid("g", "", "", (heads(), other, trajectories()), columns=3)
    drawn = json.loads(interactive.to_json(mixed))
    axes = {trace["coloraxis"] for trace in drawn["data"] if "coloraxis" in trace}
    assert axes == {"coloraxis", "coloraxis2"}
    assert drawn["layout"]["coloraxis2"]["cmax"] == 9
    assert drawn["layout"]["coloraxis"]["cmax"] == heads().scale()[1]
    labels = [ax.get_ylabel() for ax in still.draw(mixed).axes]
    assert {"seconds", heads().unit} <= set(labels)


def test_intervals_are_shown_by_both() -> None:
    bars = json.loads(interactive.to_json(components()))["data"][0]
    assert bars["error_x"]["array"][0] == pytest.approx(0.3)
    assert bars["error_x"]["arrayminus"][0] == pytest.approx(0.2)
    bands = [t for t in json.loads(interactive.to_json(trajectories()))["data"] if "fill" in t]
    assert len(bands) == len(still.draw(trajectories()).axes[0].collections) == 3


def test_equal_names_stay_two_bars() -> None:
    bars = Bars("b", "", "", ["same", "same"], (BarGroup("g", [1, 2]),), "", "")
    assert json.loads(interactive.to_json(bars))["data"][0]["y"] == [0, 1]


def test_no_text_breaks_a_figure() -> None:
    series = (Series(HOSTILE, [0, 1], [0, 1]), Series("b", [0, 1], [1, 0]))
    lines = Lines("l", HOSTILE, HOSTILE, series, HOSTILE, HOSTILE)
    heat = Heatmap("h", HOSTILE, HOSTILE, np.eye(2), [HOSTILE, "b"], [HOSTILE, "b"], HOSTILE,
                   HOSTILE, HOSTILE, annotate=True)  # fmt: skip
    for figure in (lines, heat, Grid("g", HOSTILE, "", (lines, heat))):
        picture = still.draw(figure)
        still.png(picture)
        ET.fromstring(still.svg(picture))
        still.csv(figure)
        assert "<b>" not in interactive.to_json(figure)


def test_a_figure_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="figure 'x': shape of values"):
        Heatmap("x", "", "", np.eye(2), ["a"], ["b", "c"], "", "", "")
    with pytest.raises(ValueError, match="length of low of 's'"):
        Lines("x", "", "", (Series("s", [1, 2], [1, 2], [1], [2]),), "", "")


def test_the_palette_is_told_apart_without_red_and_green() -> None:
    """Okabe and Ito's colours stay distinct under simulated deuteranopia (Viénot 1999)."""
    rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in PALETTE])
    to_lms = np.array([[17.88, 43.52, 4.12], [3.46, 27.16, 3.87], [0.03, 0.18, 1.47]])
    seen = to_lms @ (rgb**2.2).T
    seen[1] = 0.494207 * seen[0] + 1.24827 * seen[2]
    back = (np.linalg.inv(to_lms) @ seen).T.clip(0, 1) ** (1 / 2.2)
    gaps = np.linalg.norm(back[:, None] - back[None], axis=-1)
    assert gaps[~np.eye(len(PALETTE), dtype=bool)].min() > 0.09
