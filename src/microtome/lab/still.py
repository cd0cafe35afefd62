"""Figures on paper: matplotlib to PNG and SVG, and the values behind them to CSV.

No pyplot and no global state; equal figures give equal bytes.
"""

import csv as csv_format
import io
import math
import re
import unicodedata
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import Normalize
from matplotlib.figure import Figure as Picture
from matplotlib.ticker import MaxNLocator

from microtome.lab import passages_still
from microtome.lab.cells import cell
from microtome.lab.figures import Bars, Figure, Grid, Heatmap, Lines, Passages, Scatter, colour

_STYLE: Any = {
    "font.size": 10, "axes.titlesize": 11, "axes.spines.top": False, "axes.spines.right": False,
    "svg.hashsalt": "microtome", "text.parse_math": False, "legend.frameon": False,
}  # fmt: skip
_MOST_TICKS = 48
_LONGEST = 42
_LETTERS_PER_INCH, _HANDLE = 13, 6
"""How a legend takes up its row: letters per inch, and the room of a line's mark in letters."""


@contextmanager
def _style() -> Iterator[None]:
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A label in a script that the font lacks is drawn as boxes; the CSV has it whole.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


def draw(figure: Figure) -> Picture:
    """The figure as a matplotlib figure, with its title."""
    panels = figure.shared() if isinstance(figure, Grid) else (figure,)
    columns = min(figure.columns, len(panels)) if isinstance(figure, Grid) else 1
    rows = math.ceil(len(panels) / columns)
    sizes = [_size(panel) for panel in panels]
    width = max(size[0] for size in sizes) * (columns if columns == 1 else 0.8 * columns)
    height = max(size[1] for size in sizes) * rows
    with _style():
        picture = Picture(figsize=(min(width, 22), min(height, 30)), layout="constrained")
        FigureCanvasAgg(picture)
        same = isinstance(figure, Grid) and figure.one_y_axis()
        axes = picture.subplots(rows, columns, squeeze=False, sharey=same).ravel()
        for panel, ax in zip(panels, axes, strict=False):
            _DRAW[panel.kind](ax, panel)
            if isinstance(panel, Heatmap) and not (isinstance(figure, Grid) and figure.one_scale()):
                picture.colorbar(ax.collections[0], ax=ax, label=_label(panel.unit))
        for ax in axes[len(panels) :]:
            ax.set_axis_off()
        if isinstance(figure, Grid):
            picture.suptitle(_label(figure.title, 120))
        _common(picture, list(axes[: len(panels)]), figure)
    return picture


def _common(picture: Picture, axes: list[Axes], figure: Figure) -> None:
    """One colour bar or one legend for all panels, outside of them so that it hides nothing."""
    if isinstance(figure, Grid) and figure.one_scale():
        unit = _label(figure.panels[0].unit)  # type: ignore[union-attr]
        picture.colorbar(axes[0].collections[0], ax=axes, label=unit, shrink=0.6)
        return
    found = {label: handle for ax in axes for handle, label in zip(*_legend(ax), strict=True)}
    if len(found) > 1:
        letters = _LETTERS_PER_INCH * float(picture.get_figwidth())
        fitting = int(letters // (max(map(len, found)) + _HANDLE))
        ncols = max(1, min(len(found), 5, fitting))
        picture.legend(list(found.values()), list(found), loc="outside lower center", ncols=ncols)


def _legend(ax: Axes) -> tuple[list[Any], list[Any]]:
    handles, labels = ax.get_legend_handles_labels()
    return handles, labels


def _size(figure: Any) -> tuple[float, float]:
    """Inches that let every label be read."""
    if isinstance(figure, Heatmap):
        rows, columns = len(figure.rows), len(figure.columns)
        wide = 0.62 if figure.annotate else 0.34
        side = 0.075 * max((len(_label(row)) for row in figure.rows), default=0)
        return min(max(3.6, wide * columns) + side + 1.6, 16), min(max(2.2, 0.3 * rows) + 1.5, 16)
    if isinstance(figure, Passages):
        return passages_still.size(figure)
    if isinstance(figure, Bars) and figure.horizontal:
        bars = len(figure.labels) * max(len(figure.groups), 1)
        return 7.5, min(max(2.6, 0.14 * bars + 0.12 * len(figure.labels) + 1.4), 16)
    return 7.5, 4.5


def _heatmap(ax: Axes, figure: Heatmap) -> None:
    low, high = figure.scale()
    values = np.ma.masked_invalid(np.asarray(figure.values, dtype=float))
    map_name = "viridis" if figure.centre is None else "RdBu_r"
    mesh = ax.pcolormesh(values, cmap=map_name, norm=Normalize(low, high), rasterized=False)
    mesh.set_edgecolor("face")
    mesh.set_linewidth(0.2)
    ax.set_facecolor("#b5bac1")
    ax.invert_yaxis()
    _ticks(ax.set_xticks, figure.columns)
    _ticks(ax.set_yticks, figure.rows)
    longest = max((len(_label(c)) for c in figure.columns), default=0)
    if longest * len(figure.columns) > 60:
        ax.tick_params(axis="x", rotation=90 if longest > 4 else 0, labelsize=8)
    _name(ax, figure.title, figure.column_label, figure.row_label)
    if figure.marks is not None:
        rows, columns = np.nonzero(np.asarray(figure.marks, dtype=bool))
        ax.scatter(columns + 0.5, rows + 0.5, s=14, c="black", edgecolors="white", linewidths=0.5)
    if figure.annotate:
        _annotate(ax, values, mesh)


def _annotate(ax: Axes, values: Any, mesh: Any) -> None:
    for (i, j), value in np.ndenumerate(values):
        if value is not np.ma.masked and math.isfinite(value):
            bright = float(np.dot(mesh.to_rgba(value)[:3], (0.299, 0.587, 0.114))) > 0.5
            ax.text(
                j + 0.5, i + 0.5, f"{value:.2f}", ha="center", va="center", fontsize=8,
                color="black" if bright else "white",
            )  # fmt: skip


def _lines(ax: Axes, figure: Lines) -> None:
    if figure.zero:
        ax.axhline(0, color="0.5", linewidth=0.8)
    for i, one in enumerate(figure.series):
        ink = colour(one.colour, i)
        marker = "o" if len(one.x) <= 40 else None
        ax.plot(one.x, one.y, color=ink, label=_label(one.label), marker=marker, markersize=3.5)
        if one.low is not None and one.high is not None:
            ax.fill_between(one.x, one.low, one.high, color=ink, alpha=0.18, linewidth=0)
    if figure.whole_x():
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    _name(ax, figure.title, figure.x_label, figure.y_label)


def _bars(ax: Axes, figure: Bars) -> None:
    thick = 0.8 / max(len(figure.groups), 1)
    places = np.arange(len(figure.labels), dtype=float)
    for i, group in enumerate(figure.groups):
        at = places - 0.4 + thick * (i + 0.5)
        bar = ax.barh if figure.horizontal else ax.bar
        values = np.asarray(group.values, dtype=float)
        bar(at, values, thick * 0.92, color=colour(group.colour, i), label=_label(group.label))
        if group.low is not None and group.high is not None:
            ends = np.stack([values - np.asarray(group.low), np.asarray(group.high) - values])
            along = {"xerr" if figure.horizontal else "yerr": np.maximum(ends, 0)}
            x, y = (values, at) if figure.horizontal else (at, values)
            ax.errorbar(x, y, fmt="none", ecolor="0.2", elinewidth=1, capsize=2, **along)
    (ax.axvline if figure.horizontal else ax.axhline)(0, color="0.3", linewidth=0.8)
    _ticks(ax.set_yticks if figure.horizontal else ax.set_xticks, figure.labels, offset=0.0)
    if figure.horizontal:
        ax.invert_yaxis()
    elif sum(len(_label(label)) for label in figure.labels) > 60:
        ax.tick_params(axis="x", rotation=45)
    _name(ax, figure.title, figure.x_label, figure.y_label)


_MARKERS = {"circle": "o", "square": "s", "triangle-up": "^", "diamond": "D", "cross": "P"}


def _scatter(ax: Axes, figure: Scatter) -> None:
    for i, group in enumerate(figure.groups):
        places = group.places()
        ax.scatter(
            [place.x for place in places], [place.y for place in places],
            s=[min(28 * place.count, 500) for place in places], marker=_MARKERS[group.symbol],
            color=colour(group.colour, i), label=_label(group.label), alpha=0.75,
            edgecolors="white", linewidths=0.7,
        )  # fmt: skip
    _name(ax, figure.title, figure.x_label, figure.y_label)


_DRAW: dict[str, Callable[[Axes, Any], None]] = {
    "heatmap": _heatmap,
    "lines": _lines,
    "bars": _bars,
    "scatter": _scatter,
    "passages": lambda ax, figure: passages_still.draw(ax, figure, _label),
}


def _ticks(place: Callable[..., Any], labels: Sequence[str], offset: float = 0.5) -> None:
    step = max(1, math.ceil(len(labels) / _MOST_TICKS))
    at = range(0, len(labels), step)
    place([i + offset for i in at], [_label(labels[i]) for i in at], fontsize=9)


def _name(ax: Axes, title: str, x: str, y: str) -> None:
    ax.set_title(_label(title, 80))
    ax.set_xlabel(_label(x, 80))
    ax.set_ylabel(_label(y, 80))


def _label(text: str, longest: int = _LONGEST) -> str:
    """One printable line: control characters and lone surrogates would break an SVG."""
    text = re.sub(r"\s+", " ", str(text))
    text = "".join(c if unicodedata.category(c) not in ("Cc", "Cs", "Cn") else "�" for c in text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def png(picture: Picture) -> bytes:
    """The picture at 150 dots per inch."""
    return _save(picture, "png", dpi=150, metadata={"Software": None})


def svg(picture: Picture) -> bytes:
    """The picture as vectors."""
    return _save(picture, "svg", metadata={"Date": None, "Creator": "microtome"})


def _save(picture: Picture, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with _style():
        picture.savefig(buffer, format=form, **options)
    return buffer.getvalue()


def csv(figure: Figure) -> bytes:
    """The values of a figure, one row per mark."""
    rows = list(figure.table())
    columns = list(dict.fromkeys(column for row in rows for column in row))
    buffer = io.StringIO()
    writer = csv_format.writer(buffer, lineterminator="\n")
    writer.writerow(map(cell, columns))
    writer.writerows([cell(row.get(column, "")) for column in columns] for row in rows)
    return buffer.getvalue().encode("utf-8", "backslashreplace")
