"""Figures of the contrast: differences by layer, activation by label, held-out separation."""

from typing import TYPE_CHECKING

import numpy as np

from microtome.lab.figures import PALETTE, BarGroup, Bars, Figure, Grid
from microtome.lab.study import Arrays, Tables
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Feature
from microtome.studies.misconceptions.figures.whiskers import group
from microtome.studies.misconceptions.intervals import means
from microtome.studies.misconceptions.measured import pairs_in, sides_in
from microtome.studies.misconceptions.pairs import LABELS

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 12
_INK: dict[str, str] = dict(zip(LABELS, PALETTE, strict=False))


def contrast_figures(study: Configuration, tables: Tables, arrays: Arrays) -> list[Figure]:
    """What there is to show; a dry run may have nothing to contrast."""
    drawn: list[Figure] = []
    if "contrast" in tables:
        drawn.append(_differences(tables["contrast"], study))
    if "contrast_heldout" in tables:
        drawn.append(_activations(tables, arrays, study))
    if "contrast_separation" in tables:
        drawn.append(_separation(tables["contrast_separation"], study))
    return drawn


def _differences(frame: "pd.DataFrame", study: Configuration) -> Figure:
    panels = []
    for layer, own in frame.groupby("layer", sort=True):
        top = own.reindex(own["d_z"].abs().sort_values(ascending=False).index)[:_SHOWN]
        top = top.sort_values("mean", ascending=False)
        labels = [
            f"#{f}{' *' if p <= study.alpha else ''}"
            for f, p in zip(top["feature"], top["p_max_t"], strict=True)
        ]
        panels.append(
            Bars(
                f"contrast_layer_{layer}", f"layer {layer}", "", labels,
                [_signed(top, label) for label in LABELS],
                "activation, correct − misconception", "feature",
            )
        )  # fmt: skip
    return Grid(
        "contrast_by_layer",
        "Features that differ between right and mistaken members, by layer",
        f"Mean paired difference on the {int(frame['n'].iloc[0])} pairs to select on, of the "
        f"{_SHOWN} features per layer with the largest Cohen's d_z; whiskers are "
        f"{study.level:.0%} intervals over pairs. * marks p ≤ {study.alpha:.2g} with labels "
        f"exchanged within pairs, corrected over the {len(frame)} features of all layers.",
        panels,
        columns=3,
    )


def _signed(top: "pd.DataFrame", label: str) -> BarGroup:
    """The bars of one side; the other side's are left empty."""
    mine = (top["side"] == label).to_numpy()
    mean, low, high = (
        np.where(mine, top[c].astype(float).fillna(top["mean"]), 0.0).tolist()
        for c in ("mean", "low", "high")
    )
    return BarGroup(f"higher in {label}", mean, low, high, _INK[label])


def _activations(tables: Tables, arrays: Arrays, study: Configuration) -> Figure:
    frame = tables["contrast_heldout"]
    top = [
        row
        for label in LABELS
        for row in frame[frame["side"] == label].head(study.top_n).to_dict("records")
    ]
    features = [Feature(int(row["layer"]), int(row["feature"])) for row in top]
    own = sides_in(tables, arrays).of(pairs_in(tables, "test")).only(features)
    groups = [
        _whiskers(label, values, study)
        for label, values in (("correct", own.correct), ("misconception", own.misconception))
    ]
    return Bars(
        "heldout_activation_by_label",
        "Activation on held-out pairs, by label",
        f"Mean activation of the strongest claimed features on {len(own.pairs)} held-out pairs; "
        f"whiskers are {study.level:.0%} intervals over pairs. The first features were "
        f"higher in correct members of the other half, the last in misconceptions.",
        [str(feature) for feature in features],
        groups,
        "mean activation",
        "feature",
    )


def _whiskers(label: str, values: np.ndarray, study: Configuration) -> BarGroup:
    return group(label, means(values, study.at, within=(0.0, np.inf)), _INK[label])


def _separation(frame: "pd.DataFrame", study: Configuration) -> Figure:
    value, least, most = (
        frame[name].astype(float).fillna(frame["auroc"]).tolist()
        for name in ("auroc", "auroc_low", "auroc_high")
    )
    low, high = (frame[f"relabelled_{end}"].astype(float) for end in ("low", "high"))
    groups = [
        BarGroup("features", value, least, most, PALETTE[0]),
        BarGroup("labels exchanged", ((low + high) / 2).tolist(), low.tolist(), high.tolist(),
                 PALETTE[-1]),
    ]  # fmt: skip
    return Bars(
        "heldout_separation",
        "How well the strongest features tell held-out members apart",
        f"AUROC of the {study.top_n} strongest features of each side together, on "
        f"{int(frame['n'].iloc[0])} held-out pairs; whiskers are {study.level:.0%} intervals over "
        f"pairs. Beside it the range of {study.level:.0%} of {study.permutations} sets with "
        f"labels exchanged at random; 0.5 tells nothing apart.",
        [f"layer {n}" for n in frame["layer"]],
        groups,
        "layer",
        "AUROC",
        horizontal=False,
    )
