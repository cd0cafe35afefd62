"""Figures on screen: the JSON that plotly.js draws in the report.

Plain dictionaries in plotly's published schema, so drawing needs no import of plotly. Plotly reads
labels as a dialect of HTML, hence all text is escaped; positions are numbers and names are tick
labels, so two equal names stay two bars.
"""

import html
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microtome import files
from microtome.lab.figures import Bars, Figure, Grid, Heatmap, Lines, colour

_MOST_TICKS = 48
_LONGEST = 42
_MARGIN, _GAP = 150, 100  # pixels: title, legend and labels around; between rows of a grid
_MISSING = "#b5bac1"  # shows through where a cell has no value
Dict = dict[str, Any]


@dataclass(frozen=True)
class _Panel:
    """What one set of axes shows."""

    traces: list[Dict]
    x: Dict
    y: Dict
    title: str
    height: float
    coloraxis: Dict | None = None


def to_json(figure: Figure) -> str:
    """`{"data": [...], "layout": {...}}` as strict JSON; equal figures give equal text."""
    content = files.strict_json(_grid(figure) if isinstance(figure, Grid) else _single(figure))
    return json.dumps(content, ensure_ascii=True, allow_nan=False, separators=(",", ":"))


def _single(figure: Heatmap | Lines | Bars) -> Dict:
    panel = _PANEL[figure.kind](figure)
    missing = {"background": _MISSING} if panel.coloraxis else {}
    layout = _layout(panel.height, **missing)
    layout |= {"xaxis": panel.x, "yaxis": panel.y}
    if panel.coloraxis is not None:
        layout["coloraxis"] = panel.coloraxis
    layout["showlegend"] = sum(bool(t.get("showlegend")) for t in panel.traces) > 1
    return {"data": panel.traces, "layout": layout}


def _grid(figure: Grid) -> Dict:
    panels = [_PANEL[panel.kind](panel) for panel in figure.shared()]
    columns = min(figure.columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    each = max(220.0, max(panel.height for panel in panels) - _MARGIN)
    inner = each * rows + _GAP * (rows - 1)
    missing = {"background": _MISSING} if all(panel.coloraxis for panel in panels) else {}
    layout = _layout(inner + _MARGIN, **missing)
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
        if panel.coloraxis is not None:
            layout.setdefault("coloraxis", panel.coloraxis)
        data += [_placed(trace, suffix, seen) for trace in panel.traces]
    layout["showlegend"] = len(seen) > 1
    return {"data": data, "layout": layout}


def _placed(trace: Dict, suffix: str, seen: set[str]) -> Dict:
    trace = {**trace, "xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
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
        "text": _text(title, 60), "x": sum(x) / 2, "y": y[1], "xref": "paper", "yref": "paper",
        "xanchor": "center", "yanchor": "bottom", "showarrow": False,
    }  # fmt: skip


def _layout(height: float, background: str = "rgba(0,0,0,0)") -> Dict:
    return {
        "height": round(height), "autosize": True, "hovermode": "closest", "dragmode": "zoom",
        "margin": {"l": 60, "r": 20, "t": 60, "b": _MARGIN - 60}, "barmode": "group",
        "legend": {"orientation": "h", "yanchor": "top", "y": -60 / (height - _MARGIN)},
        "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": background,
    }  # fmt: skip


def _axis(title: str, **more: Any) -> Dict:
    name = {"text": _text(title, 80), "standoff": 10}
    return {"title": name, "automargin": True, "zeroline": False, **more}


def _names(title: str, labels: Sequence[str], reverse: bool = False) -> Dict:
    step = max(1, math.ceil(len(labels) / _MOST_TICKS))
    at = list(range(0, len(labels), step))
    ends = [-0.5, len(labels) - 0.5]
    return _axis(
        title, tickmode="array", tickvals=at, ticktext=[_text(labels[i]) for i in at],
        range=ends[::-1] if reverse else ends, showgrid=False,
    )  # fmt: skip


def _heatmap(figure: Heatmap) -> _Panel:
    low, high = figure.scale()
    values = np.asarray(figure.values, dtype=float)
    names = [[f"{_text(r)} · {_text(c)}" for c in figure.columns] for r in figure.rows]
    trace: Dict = {
        "type": "heatmap", "z": values, "x": list(range(len(figure.columns))),
        "y": list(range(len(figure.rows))), "coloraxis": "coloraxis", "hovertext": names,
        "hovertemplate": f"%{{hovertext}}<br>%{{z:.4g}} {_text(figure.unit)}<extra></extra>",
        "hoverongaps": False,
    }  # fmt: skip
    if figure.annotate:
        trace["texttemplate"] = "%{z:.2f}"
    traces = [trace]
    if figure.marks is not None:
        rows, columns = np.nonzero(np.asarray(figure.marks, dtype=bool))
        traces.append({
            "type": "scatter", "mode": "markers", "x": columns, "y": rows, "hoverinfo": "skip",
            "marker": {"color": "black", "size": 6, "line": {"color": "white", "width": 1}},
            "showlegend": False,
        })  # fmt: skip
    coloraxis = {
        "cmin": low, "cmax": high,
        "colorbar": {"title": {"text": _text(figure.unit), "side": "right"}},
        "colorscale": "Viridis" if figure.centre is None else _DIVERGING,
    }  # fmt: skip
    height = min(max(260, 22 * len(figure.rows) + 130), 1100)
    x = _names(figure.column_label, figure.columns)
    y = _names(figure.row_label, figure.rows, reverse=True)
    return _Panel(traces, x, y, figure.title, height, coloraxis)


def _lines(figure: Lines) -> _Panel:
    traces: list[Dict] = []
    for i, one in enumerate(figure.series):
        ink, name = colour(one.colour, i), _text(one.label)
        x = list(one.x)
        if one.low is not None and one.high is not None:
            traces.append({
                "type": "scatter", "mode": "lines", "x": x + x[::-1],
                "y": [*one.high, *list(one.low)[::-1]], "fill": "toself", "fillcolor": ink,
                "opacity": 0.18, "line": {"width": 0}, "hoverinfo": "skip", "showlegend": False,
                "legendgroup": name,
            })  # fmt: skip
        traces.append({
            "type": "scatter", "mode": "lines+markers" if len(x) <= 40 else "lines", "x": x,
            "y": list(one.y), "name": name, "legendgroup": name, "showlegend": True,
            "line": {"color": ink, "width": 2}, "marker": {"size": 5, "color": ink},
        })  # fmt: skip
    y = _axis(figure.y_label, zeroline=figure.zero, zerolinewidth=1.5)
    x_axis = _axis(figure.x_label)
    if figure.whole_x():
        x_axis |= {"tick0": 0, "dtick": _step(figure)}
    return _Panel(traces, x_axis, y, figure.title, 380)


def _step(figure: Lines) -> int:
    """A whole distance between ticks that leaves at most ten of them."""
    xs = [x for one in figure.series for x in one.x]
    span = max(xs, default=0) - min(xs, default=0)
    return next((n for n in (1, 2, 5, 10, 20, 50, 100) if span / n <= 10), math.ceil(span / 10))


def _bars(figure: Bars) -> _Panel:
    places = list(range(len(figure.labels)))
    names = [_text(label) for label in figure.labels]
    traces = []
    for i, group in enumerate(figure.groups):
        values = np.asarray(group.values, dtype=float)
        across, along = ("y", "x") if figure.horizontal else ("x", "y")
        trace: Dict = {
            "type": "bar", across: places, along: values, "name": _text(group.label),
            "orientation": "h" if figure.horizontal else "v", "hovertext": names,
            "marker": {"color": colour(group.colour, i)}, "legendgroup": _text(group.label),
            "hovertemplate": f"%{{hovertext}}<br>%{{{along}:.4g}}", "showlegend": True,
        }  # fmt: skip
        if group.low is not None and group.high is not None:
            trace[f"error_{along}"] = {
                "type": "data", "symmetric": False, "thickness": 1, "width": 3,
                "array": np.maximum(np.asarray(group.high, dtype=float) - values, 0),
                "arrayminus": np.maximum(values - np.asarray(group.low, dtype=float), 0),
            }  # fmt: skip
        traces.append(trace)
    bars = len(figure.labels) * max(len(figure.groups), 1)
    if figure.horizontal:
        y = _names(figure.y_label, figure.labels, reverse=True)
        height = min(max(300, 12 * bars + 10 * len(figure.labels) + 140), 1400)
        return _Panel(traces, _axis(figure.x_label, zeroline=True), y, figure.title, height)
    x = _names(figure.x_label, figure.labels)
    return _Panel(traces, x, _axis(figure.y_label, zeroline=True), figure.title, 400)


_PANEL: dict[str, Callable[[Any], _Panel]] = {"heatmap": _heatmap, "lines": _lines, "bars": _bars}

# ColorBrewer's RdBu reversed, as matplotlib's RdBu_r: blue below the centre, red above.
_DIVERGING = [
    [i / 10, colour]
    for i, colour in enumerate(
        ("#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7",
         "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f")
    )
]  # fmt: skip


def _text(text: str, longest: int = _LONGEST) -> str:
    """One line of text, cut before it is escaped so that no entity is cut in two."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    return html.escape(line.replace("%{", "% {"), quote=False)
