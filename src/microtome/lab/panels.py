"""One set of axes on screen: traces and axes in plotly's schema.

Plotly reads labels as a dialect of HTML, hence all text is escaped; positions are numbers and names
are tick labels, so two equal names stay two bars.
"""

import html
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from microtome.lab.figures import Bars, Heatmap, Lines, Scatter, Single, colour

_MOST_TICKS = 48
_LONGEST = 42
_SAID = 240
Dict = dict[str, Any]


@dataclass(frozen=True)
class Panel:
    """What one set of axes shows."""

    traces: list[Dict]
    x: Dict
    y: Dict
    title: str
    height: float
    coloraxis: Dict | None = None


def _axis(title: str, **more: Any) -> Dict:
    name = {"text": label(title, 80), "standoff": 10}
    return {"title": name, "automargin": True, "zeroline": False, **more}


def _names(title: str, labels: Sequence[str], reverse: bool = False) -> Dict:
    step = max(1, math.ceil(len(labels) / _MOST_TICKS))
    at = list(range(0, len(labels), step))
    ends = [-0.5, len(labels) - 0.5]
    return _axis(
        title, tickmode="array", tickvals=at, ticktext=[label(labels[i]) for i in at],
        range=ends[::-1] if reverse else ends, showgrid=False,
    )  # fmt: skip


def _heatmap(figure: Heatmap) -> Panel:
    low, high = figure.scale()
    values = np.asarray(figure.values, dtype=float)
    names = [[f"{label(r)} · {label(c)}" for c in figure.columns] for r in figure.rows]
    trace: Dict = {
        "type": "heatmap", "z": values, "x": list(range(len(figure.columns))),
        "y": list(range(len(figure.rows))), "coloraxis": "coloraxis", "hovertext": names,
        "hovertemplate": f"%{{hovertext}}<br>%{{z:.4g}} {label(figure.unit)}<extra></extra>",
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
        "colorbar": {"title": {"text": label(figure.unit), "side": "right"}},
        "colorscale": "Viridis" if figure.centre is None else _DIVERGING,
    }  # fmt: skip
    height = min(max(260, 22 * len(figure.rows) + 130), 1100)
    x = _names(figure.column_label, figure.columns)
    y = _names(figure.row_label, figure.rows, reverse=True)
    return Panel(traces, x, y, figure.title, height, coloraxis)


def _lines(figure: Lines) -> Panel:
    traces: list[Dict] = []
    for i, one in enumerate(figure.series):
        ink, name = colour(one.colour, i), label(one.label)
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
    return Panel(traces, x_axis, y, figure.title, 380)


def _step(figure: Lines) -> int:
    """A whole distance between ticks that leaves at most ten of them."""
    xs = [x for one in figure.series for x in one.x]
    span = max(xs, default=0) - min(xs, default=0)
    return next((n for n in (1, 2, 5, 10, 20, 50, 100) if span / n <= 10), math.ceil(span / 10))


def _bars(figure: Bars) -> Panel:
    places = list(range(len(figure.labels)))
    names = [label(one) for one in figure.labels]
    traces = []
    for i, group in enumerate(figure.groups):
        values = np.asarray(group.values, dtype=float)
        across, along = ("y", "x") if figure.horizontal else ("x", "y")
        trace: Dict = {
            "type": "bar", across: places, along: values, "name": label(group.label),
            "orientation": "h" if figure.horizontal else "v", "hovertext": names,
            "marker": {"color": colour(group.colour, i)}, "legendgroup": label(group.label),
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
        return Panel(traces, _axis(figure.x_label, zeroline=True), y, figure.title, height)
    x = _names(figure.x_label, figure.labels)
    return Panel(traces, x, _axis(figure.y_label, zeroline=True), figure.title, 400)


def _scatter(figure: Scatter) -> Panel:
    traces: list[Dict] = []
    for i, group in enumerate(figure.groups):
        places, name = group.places(), label(group.label)
        sizes = [7 * math.sqrt(place.count) for place in places]
        traces.append({
            "type": "scatter", "mode": "markers", "x": [place.x for place in places],
            "y": [place.y for place in places], "name": name, "legendgroup": name,
            "showlegend": True, "hovertext": [label(place.said, _SAID) for place in places],
            "hovertemplate": f"%{{hovertext}}<extra>{name}</extra>",
            "marker": {
                "color": colour(group.colour, i), "symbol": group.symbol, "opacity": 0.75,
                "size": [min(size, 30) for size in sizes], "line": {"color": "white", "width": 1},
            },
        })  # fmt: skip
    return Panel(traces, _axis(figure.x_label), _axis(figure.y_label), figure.title, 420)


_DRAW: dict[str, Callable[[Any], Panel]] = {
    "heatmap": _heatmap,
    "lines": _lines,
    "bars": _bars,
    "scatter": _scatter,
}

# ColorBrewer's RdBu reversed, as matplotlib's RdBu_r: blue below the centre, red above.
_DIVERGING = [
    [i / 10, tint]
    for i, tint in enumerate(
        ("#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7",
         "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f")
    )
]  # fmt: skip


def label(text: str, longest: int = _LONGEST) -> str:
    """Escaped: one line of text, cut before it is escaped so that no entity is cut in two."""
    line = " ".join(str(text).split())
    line = line if len(line) <= longest else line[: longest - 1] + "…"
    return html.escape(line.replace("%{", "% {"), quote=False)


def panel_of(figure: Single) -> Panel:
    """The traces and axes of one figure."""
    return _DRAW[figure.kind](figure)
