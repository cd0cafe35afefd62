"""Where the claimed features fire: held-out prompts with an activation on every token."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.figures import Figure
from microtome.lab.passages import Passage, Passages
from microtome.lab.study import Arrays, Tables
from microtome.studies.misconceptions.codes import of_run
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.pairs import LABELS

if TYPE_CHECKING:
    import pandas as pd

_FEATURES, _PROMPTS = 2, 4
"""Features of each side, and prompts of each feature."""


def passage_figures(study: Configuration, tables: Tables, arrays: Arrays) -> list[Figure]:
    """The strongest claimed features of each side on the held-out prompts where they fire most."""
    if "contrast_heldout" not in tables:
        return []
    frame = tables["contrast_heldout"]
    shown = [
        row
        for label in LABELS
        for row in frame[frame["side"] == label].head(_FEATURES).to_dict("records")
    ]
    tokens = tables["features_tokens"].merge(tables["features_prompts"][["id", "label", "role"]])
    return [_of_feature(row, tokens, arrays) for row in shown]


def _of_feature(row: "dict[Any, Any]", tokens: "pd.DataFrame", arrays: Arrays) -> Figure:
    layer, feature = int(row["layer"]), int(row["feature"])
    own = tokens.assign(value=of_run(arrays, layer).of_feature(feature))
    heldout = own[own["role"] == "test"]
    # BOS, whose state is like no other's, is not where a feature is looked for.
    largest = heldout[heldout["position"] > 0].groupby("id", sort=False)["value"].max()
    names = list(largest.sort_values(ascending=False, kind="stable").index[:_PROMPTS])
    other = "misconception" if row["side"] == "correct" else "correct"
    control = [n for n in largest.index if heldout.loc[heldout["id"] == n, "label"].iat[0] == other]
    names += [name for name in control if name not in names][:1]
    return Passages(
        f"passages_layer_{layer}_feature_{feature}",
        f"Where feature {feature} of layer {layer} fires (higher in {row['side']} members)",
        f"The {_PROMPTS} held-out prompts on which it fires most, and one of the other label. "
        f"Shade is its activation on a token; BOS has none.",
        [_passage(str(name), heldout[heldout["id"] == name]) for name in names],
    )


def _passage(name: str, own: "pd.DataFrame") -> Passage:
    values = own["value"].to_numpy(float).copy()
    values[0] = np.nan
    peak = int(np.nanargmax(values)) if np.nanmax(values) > 0 else None
    label = f"{own['label'].iat[0]}, {name}"
    return Passage(own["token"].tolist(), values.tolist(), label, peak)
