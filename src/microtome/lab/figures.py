"""Figures as frozen data: what is shown, not how.

Each figure is drawn twice from the same values, by matplotlib for PNG and SVG (`still`) and by
plotly for the report (`interactive`), and its values are written as CSV (`rows`). Labels carry
units, intervals carry the level named in the caption. Colours are Okabe and Ito's, which colour-
blind readers can tell apart.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np

from microtome.lab.passages import Passage as Passage
from microtome.lab.passages import Passages as Passages
from microtome.lab.scatter import Points as Points
from microtome.lab.scatter import Scatter as Scatter

PALETTE = (
    "#0072B2",  # blue
    "#D55E00",  # vermillion
    "#009E73",  # bluish green
    "#CC79A7",  # reddish purple
    "#E69F00",  # orange
    "#56B4E9",  # sky blue
    "#F0E442",  # yellow
    "#4D4D4D",  # dark grey
)


def _match(figure: "Figure", what: str, got: Any, due: Any) -> None:
    if got != due:
        raise ValueError(f"figure {figure.name!r}: {what} is {got}, should be {due}")


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A matrix in colour; NaN cells stay blank.

    `centre` (default 0) makes the scale diverging and symmetric about it; None makes it
    sequential. `marks` puts a dot on the cells where it is true. `unit` labels the colour bar.
    """

    name: str
    title: str
    caption: str
    values: np.ndarray
    rows: Sequence[str]
    columns: Sequence[str]
    row_label: str
    column_label: str
    unit: str
    centre: float | None = 0.0
    annotate: bool = False
    marks: np.ndarray | None = None
    limit: float | None = None
    """Half-range about `centre` (or top of a sequential scale); None takes the largest value."""
    kind: ClassVar[str] = "heatmap"

    def __post_init__(self) -> None:
        shape = (len(self.rows), len(self.columns))
        _match(self, "shape of values", np.shape(self.values), shape)
        if self.marks is not None:
            _match(self, "shape of marks", np.shape(self.marks), shape)

    def scale(self) -> tuple[float, float]:
        """Lowest and highest value of the colour scale."""
        finite = np.asarray(self.values, dtype=float)
        finite = finite[np.isfinite(finite)]
        if self.centre is None:
            low = float(min(finite.min(initial=0.0), 0.0))
            return low, self.limit or float(finite.max(initial=low)) or 1.0
        reach = self.limit or float(np.abs(finite - self.centre).max(initial=0.0)) or 1.0
        return self.centre - reach, self.centre + reach

    def table(self) -> Iterator[dict[str, Any]]:
        """One row per cell."""
        for i, row in enumerate(self.rows):
            for j, column in enumerate(self.columns):
                cell = {"row": row, "column": column, "value": float(self.values[i][j])}
                if self.marks is not None:
                    cell["marked"] = bool(self.marks[i][j])
                yield cell


@dataclass(frozen=True, eq=False)
class Series:
    """One line: y over x, with a band from `low` to `high` where given."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    colour: str | None = None


@dataclass(frozen=True, eq=False)
class Lines:
    """Lines over a common axis; `zero` draws the line y = 0."""

    name: str
    title: str
    caption: str
    series: Sequence[Series]
    x_label: str
    y_label: str
    zero: bool = True
    kind: ClassVar[str] = "lines"

    def __post_init__(self) -> None:
        for one in self.series:
            for what in ("y", "low", "high"):
                values = getattr(one, what)
                if values is not None:
                    _match(self, f"length of {what} of {one.label!r}", len(values), len(one.x))

    def whole_x(self) -> bool:
        """Whether x counts something, such as layers, so that no tick may stand between."""
        return all(float(x).is_integer() for one in self.series for x in one.x)

    def table(self) -> Iterator[dict[str, Any]]:
        """One row per point."""
        for one in self.series:
            for i, (x, y) in enumerate(zip(one.x, one.y, strict=True)):
                point = {"series": one.label, "x": float(x), "y": float(y)}
                if one.low is not None and one.high is not None:
                    point |= {"low": float(one.low[i]), "high": float(one.high[i])}
                yield point


@dataclass(frozen=True, eq=False)
class BarGroup:
    """One colour of bars: a value per label, with whiskers from `low` to `high` where given."""

    label: str
    values: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    colour: str | None = None


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars side by side per label; `x_label` and `y_label` name the axes as they are seen."""

    name: str
    title: str
    caption: str
    labels: Sequence[str]
    groups: Sequence[BarGroup]
    x_label: str
    y_label: str
    horizontal: bool = True
    kind: ClassVar[str] = "bars"

    def __post_init__(self) -> None:
        for group in self.groups:
            for what in ("values", "low", "high"):
                values = getattr(group, what)
                if values is not None:
                    _match(
                        self, f"number of {what} of {group.label!r}", len(values), len(self.labels)
                    )

    def table(self) -> Iterator[dict[str, Any]]:
        """One row per bar."""
        for group in self.groups:
            for i, label in enumerate(self.labels):
                bar = {"group": group.label, "label": label, "value": float(group.values[i])}
                if group.low is not None and group.high is not None:
                    bar |= {"low": float(group.low[i]), "high": float(group.high[i])}
                yield bar


@dataclass(frozen=True, eq=False)
class Grid:
    """Several figures as one, on shared scales where they are of one kind."""

    name: str
    title: str
    caption: str
    panels: "Sequence[Single]"
    columns: int = 3
    kind: ClassVar[str] = "grid"

    def table(self) -> Iterator[dict[str, Any]]:
        """The rows of all panels, each with its panel's title."""
        for panel in self.panels:
            for row in panel.table():
                yield {"panel": panel.title, **row}

    def one_y_axis(self) -> bool:
        """Whether all panels are lines of one quantity, to be compared by height."""
        lines = [panel for panel in self.panels if isinstance(panel, Lines)]
        return len(lines) == len(self.panels) and len({panel.y_label for panel in lines}) == 1

    def one_scale(self) -> bool:
        """Whether all panels are heat maps of one quantity about one centre."""
        maps = [panel for panel in self.panels if isinstance(panel, Heatmap)]
        return len(maps) == len(self.panels) and len({(p.centre, p.unit) for p in maps}) == 1

    def shared(self) -> "tuple[Single, ...]":
        """The panels, heat maps brought to one colour scale if they show one quantity."""
        if not self.one_scale():
            return tuple(self.panels)
        maps = [panel for panel in self.panels if isinstance(panel, Heatmap)]
        centre = maps[0].centre or 0.0
        limit = max(panel.scale()[1] - centre for panel in maps)
        return tuple(dataclasses.replace(panel, limit=limit) for panel in maps)


Single: TypeAlias = Heatmap | Lines | Bars | Scatter
"""What one set of axes can show."""
Figure: TypeAlias = Single | Grid | Passages


def colour(given: str | None, index: int) -> str:
    """The colour asked for, or the palette's next."""
    return given or PALETTE[index % len(PALETTE)]
