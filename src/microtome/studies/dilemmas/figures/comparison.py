"""Figures of the comparison: what is suppressed, and where training would have been enough."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import BarGroup, Bars, Figure, Grid, Heatmap
from microtome.lab.study import Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.figures.whiskers import whiskers
from microtome.studies.dilemmas.frames import groups

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 8
_WRITTEN, _SWAPPED = "#56B4E9", "#882255"
"""Colours that are no model's."""


def comparison_figures(study: Configuration, tables: Tables) -> list[Figure]:
    """The figures whose tables there are."""
    figures: list[Figure] = []
    if "comparison_suppressed" in tables:
        rows = tables["comparison_suppressed"]
        rows = rows[rows["suppressed"].astype(bool)]
        if len(rows):
            figures.append(_suppressed(rows, study))
    if "comparison_targets" in tables:
        figures.append(_targets(tables["comparison_targets"]))
    return figures


def _suppressed(rows: "pd.DataFrame", study: Configuration) -> Grid:
    return Grid(
        "suppressed_components",
        "What the source writes for defection and the receiver suppresses",
        f"Heads and MLPs that write for defection in the source and less so in the receiver, at "
        f"most {_SHOWN} per pair, the most suppressed first: how much less they write (direct, "
        f"with {study.level:.0%} intervals over {study.resample}), and what Δ gains when the "
        f"source's activation is put back (with all it causes).",
        [_pair(part, str(name)) for (name,), part in groups(rows, "pair")],
    )


def _pair(part: "pd.DataFrame", name: str) -> Bars:
    shown = part.sort_values("difference").head(_SHOWN)
    less = shown.assign(
        difference=-shown["difference"], low=-shown["high"].astype(float),
        high=-shown["low"].astype(float),
    )  # fmt: skip
    back = BarGroup("change when put back", shown["mean_delta_change"].tolist(), colour=_SWAPPED)
    return Bars(
        "suppressed_components",
        name,
        "",
        list(shown["component"]),
        [whiskers(less, "difference", "written less", _WRITTEN), back],
        "Δ (logits)",
        "component",
    )


def _targets(rows: "pd.DataFrame") -> Heatmap:
    """Both shares of every attention and MLP, models side by side."""
    components = sorted(set(rows["component"]), key=_order)
    models = list(dict.fromkeys(rows["label"]))
    cells = rows.set_index(["label", "component"])
    columns = [(model, share) for share in ("without", "alone") for model in models]
    values = np.array(
        [[float(cells.loc[(m, c), share]) for m, share in columns] for c in components]
    )
    return Heatmap(
        "fine_tuning_targets",
        "Which trained weights carry the difference to Base",
        "Without: the share of the gap to Base that is lost when the adapter of this attention or "
        "MLP is taken out of the fine-tune. Alone: the share that it carries by itself. Neither "
        "adds up over components.",
        values,
        components,
        [f"{model}, {share}" for model, share in columns],
        "component",
        "fine-tune",
        "share of the gap to Base",
        annotate=True,
    )


def _order(name: str) -> tuple[int, str]:
    layer, _, kind = name.partition("_")
    return int(layer[1:]), kind
