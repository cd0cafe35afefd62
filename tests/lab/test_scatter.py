"""Scatter: every point is in the CSV, equal points grow, and a text does no harm."""

import csv
import io
import json

import pytest

from microtome.lab import interactive, still
from microtome.lab.figures import Points, Scatter

from .gallery import grid_of_points, solutions


def test_every_point_is_written_and_equal_ones_are_drawn_as_one() -> None:
    figure = solutions()
    rows = list(csv.DictReader(io.StringIO(still.csv(figure).decode())))
    assert len(rows) == 30 + 12 + 5 + 20
    assert sum(row["text"] == "the same" for row in rows) == 20
    traces = json.loads(interactive.to_json(figure))["data"]
    assert [trace["marker"]["symbol"] for trace in traces[:3]] == [
        "circle", "square", "triangle-up",
    ]  # fmt: skip
    equal = traces[3]
    assert equal["x"] == [5.0]
    assert equal["hovertext"] == ["the same (x 20)"]
    assert equal["marker"]["size"][0] > max(traces[0]["marker"]["size"])


def test_panels_share_one_legend() -> None:
    traces = json.loads(interactive.to_json(grid_of_points()))["data"]
    assert sum(trace["showlegend"] for trace in traces) == 4
    assert len(still.draw(grid_of_points()).legends[0].get_texts()) == 4


def test_hostile_texts_are_escaped() -> None:
    figure = Scatter("x", "", "", [Points("<b>a</b>", [0], [1], ["<script>%{x}"])], "", "")
    trace = json.loads(interactive.to_json(figure))["data"][0]
    assert trace["hovertext"] == ["&lt;script&gt;% {x}"]
    assert "<b>" not in trace["name"]
    still.png(still.draw(figure))


def test_points_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="1 x, 2 y"):
        Scatter("x", "", "", [Points("a", [0], [1, 2])], "", "")
    with pytest.raises(ValueError, match="no symbol 'heart'"):
        Scatter("x", "", "", [Points("a", [0], [1], symbol="heart")], "", "")
