"""Passages on paper: monospaced lines, a shaded box behind every token."""

from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from microtome.lab.passages import Passage, Passages, shade, visible

_WIDE, _MOST_LINES = 96, 130
_LETTER, _LINE = 5.42 / 72, 0.2  # inches at 9 points

Box = tuple[int, int, str, float | None, bool]
"""Line, column, text, value, whether it is the peak."""


def size(figure: Passages) -> tuple[float, float]:
    """Inches."""
    lines = _laid_out(figure)[1]
    return _WIDE * _LETTER + 0.5, max(1.6, lines * _LINE + 1.0)


def draw(ax: Axes, figure: Passages, label: Any) -> None:
    """Fill `ax`; `label` makes a title printable."""
    boxes, lines = _laid_out(figure)
    limit = figure.scale()
    for line, column, text, value, peak in boxes:
        (red, green, blue), strength = shade(value, limit)
        tint = tuple(1 - strength * (1 - c / 255) for c in (red, green, blue))
        if strength:
            ax.add_patch(Rectangle((column, line), len(text), 1, facecolor=tint, linewidth=0))
        ax.text(
            column, line + 0.5, text, family="monospace", fontsize=9, va="center",
            fontweight="bold" if peak else "normal", color="black",
        )  # fmt: skip
    ax.set_xlim(0, _WIDE)
    ax.set_ylim(lines, 0)
    ax.set_axis_off()
    ax.set_title(label(f"{figure.title} (full shade: {limit:.3g} {figure.unit})", 90))


def _laid_out(figure: Passages) -> tuple[list[Box], int]:
    """Boxes of every token, wrapped to lines, and the number of lines."""
    boxes: list[Box] = []
    line = 0
    for i, passage in enumerate(figure.passages):
        own = list(_boxes(passage, line + 1))
        last = max((box[0] for box in own), default=line + 1)
        if last > _MOST_LINES:
            boxes.append((line, 0, f"… {len(figure.passages) - i} more in the CSV", None, False))
            return boxes, line + 1
        heading = visible(passage.label)[:_WIDE]
        boxes += [(line, 0, heading, None, True), *own]
        line = last + 2
    return boxes, max(line - 1, 1)


def _boxes(passage: Passage, line: int) -> Iterator[Box]:
    column = 0
    for at, (token, value) in enumerate(zip(passage.tokens, passage.values, strict=True)):
        text = visible(token)
        while text:
            if column == _WIDE:
                line, column = line + 1, 0
            piece = text[: _WIDE - column]
            yield line, column, piece, float(value), at == passage.peak
            column, text = column + len(piece), text[len(piece) :]
