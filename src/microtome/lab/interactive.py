"""Figures on screen: the JSON that plotly.js draws in the report.

Plain dictionaries in plotly's published schema, so drawing needs no import of plotly. Passages are
text and no plot: their JSON holds tokens and values, which the report's template sets.
"""

import json
import math

from microtome import files
from microtome.lab.figures import Figure, Grid, Passages, Single
from microtome.lab.panels import Dict, label, panel_of
from microtome.lab.passages import visible

_MARGIN, _GAP = 150, 100  # pixels: title, legend and labels around; between rows of a grid
_CLEAR = "rgba(0,0,0,0)"
_MISSING = "#b5bac1"  # shows through where a cell has no value


def ending(figure: Figure) -> str:
    """What the name of the file with `to_json` ends in."""
    return "passages.json" if isinstance(figure, Passages) else "plotly.json"


def to_json(figure: Figure) -> str:
    """`{"data": [...], "layout": {...}}` as strict JSON; equal figures give equal text."""
    if isinstance(figure, Passages):
        drawn = _passages(figure)
    else:
        drawn = _grid(figure) if isinstance(figure, Grid) else _single(figure)
    content = files.strict_json(drawn)
    return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _passages(figure: Passages) -> Dict:
    rows = [
        {
            "label": visible(one.label), "tokens": [visible(t) for t in one.tokens],
            "values": [float(v) for v in one.values], "peak": one.peak,
        }
        for one in figure.passages
    ]  # fmt: skip
    return {"passages": rows, "unit": figure.unit, "limit": figure.scale()}


def _single(figure: Single) -> Dict:
    panel = panel_of(figure)
    layout = _layout(panel.height, _MISSING if panel.coloraxis else _CLEAR)
    layout |= {"xaxis": panel.x, "yaxis": panel.y}
    if panel.coloraxis is not None:
        layout["coloraxis"] = panel.coloraxis
    layout["showlegend"] = sum(bool(t.get("showlegend")) for t in panel.traces) > 1
    return {"data": panel.traces, "layout": layout}


def _grid(figure: Grid) -> Dict:
    panels = [panel_of(panel) for panel in figure.shared()]
    columns = min(figure.columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    each = max(220.0, max(panel.height for panel in panels) - _MARGIN)
    inner = each * rows + _GAP * (rows - 1)
    maps_only = all(panel.coloraxis for panel in panels)
    layout = _layout(inner + _MARGIN, _MISSING if maps_only else _CLEAR)
    layout["annotations"] = []
    seen: set[str] = set()
    data: list[Dict] = []
    for i, panel in enumerate(panels):
        suffix = "" if i == 0 else str(i + 1)
        x, y = _domains(i, rows, columns, _GAP / inner)
        layout[f"xaxis{suffix}"] = {**panel.x, "domain": x, "anchor": f"y{suffix}"}
        layout[f"yaxis{suffix}"] = {**panel.y, "domain": y, "anchor": f"x{suffix}"}
        if i and figure.one_y_axis():
            layout[f"yaxis{suffix}"]["matches"] = "y"
        layout["annotations"].append(_heading(panel.title, x, y))
        axis = "coloraxis" if figure.one_scale() else f"coloraxis{suffix}"
        if panel.coloraxis is not None and axis not in layout:
            layout[axis] = (
                panel.coloraxis if figure.one_scale() else _own_bar(panel.coloraxis, x, y)
            )
        data += [_placed(trace, suffix, axis, seen) for trace in panel.traces]
    layout["showlegend"] = len(seen) > 1
    return {"data": data, "layout": layout}


def _own_bar(coloraxis: Dict, x: list[float], y: list[float]) -> Dict:
    """The colour bar of one panel, beside it."""
    place = {"x": x[1], "y": sum(y) / 2, "len": y[1] - y[0], "thickness": 12}
    return {**coloraxis, "colorbar": {**coloraxis["colorbar"], **place}}


def _placed(trace: Dict, suffix: str, coloraxis: str, seen: set[str]) -> Dict:
    trace = {**trace, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    if "coloraxis" in trace:
        trace["coloraxis"] = coloraxis
    if trace.get("showlegend"):
        trace["showlegend"] = trace["name"] not in seen
        seen.add(trace["name"])
    return trace


def _domains(i: int, rows: int, columns: int, high: float) -> tuple[list[float], list[float]]:
    """Where panel i stands, row by row from the top, in fractions of the whole."""
    wide = 0.09 if columns > 1 else 0.0
    width = (1 - wide * (columns - 1)) / columns
    height = (1 - high * (rows - 1)) / rows
    left, top = (i % columns) * (width + wide), 1 - (i // columns) * (height + high)
    return [left, min(left + width, 1.0)], [max(top - height, 0.0), top]


def _heading(title: str, x: list[float], y: list[float]) -> Dict:
    return {
        "text": label(title, 60), "x": sum(x) / 2, "y": y[1], "xref": "paper", "yref": "paper",
        "xanchor": "center", "yanchor": "bottom", "showarrow": False,
    }  # fmt: skip


def _layout(height: float, background: str) -> Dict:
    return {
        "height": round(height), "autosize": True, "hovermode": "closest", "dragmode": "zoom",
        "margin": {"l": 60, "r": 20, "t": 60, "b": _MARGIN - 60}, "barmode": "group",
        "legend": {"orientation": "h", "yanchor": "top", "y": -60 / (height - _MARGIN)},
        "paper_bgcolor": _CLEAR, "plot_bgcolor": background,
    }  # fmt: skip
