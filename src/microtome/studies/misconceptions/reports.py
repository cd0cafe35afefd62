"""The contrast as tables and as `diff_report.json`."""

from typing import Any

import numpy as np

from microtome.lab.study import Tables
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast, Sides
from microtome.studies.misconceptions.exchange import TEST, q_of, smallest_p
from microtome.studies.misconceptions.heldout import side_of
from microtome.studies.misconceptions.intervals import means
from microtome.studies.misconceptions.marking import stand_in_of

Rows = list[dict[str, Any]]
_INTERVALS = 500
"""Features, the strongest first, that get an interval; p and d_z stand beside all."""


def contrast_rows(found: Contrast, study: Configuration) -> Rows:
    """One row per tested feature, the strongest first."""
    own, mean, ranked = found.sides, found.mean, found.ranked()
    shown = ranked[:_INTERVALS]
    known = dict(zip(shown, means(own.differences[:, shown], study.at), strict=True))
    p, q, d_z = found.test.p, q_of(found.test), found.d_z
    fires = ((own.correct > 0) | (own.misconception > 0)).sum(0)
    return [
        {"layer": own.features[i].layer, "feature": own.features[i].number,
         "side": side_of(mean[i]), "mean": float(mean[i]),
         "low": known[i].low if i in known else None,
         "high": known[i].high if i in known else None, "d_z": float(d_z[i]),
         "p_max_t": float(p[i]), "q": float(q[i]),
         "mean_correct": float(own.correct[:, i].mean()),
         "mean_misconception": float(own.misconception[:, i].mean()),
         "fires_in": int(fires[i]), "n": len(own.pairs), "test": TEST}
        for i in ranked
    ]  # fmt: skip


def diff_report(
    found: Contrast, every: Sides, tables: Tables, study: Configuration
) -> dict[str, Any]:
    """Top features by layer, over all layers and for every pair; differences are signed."""
    rows = contrast_rows(found, study)
    layers = list(dict.fromkeys(feature.layer for feature in every.features))
    return {
        "difference": "correct - misconception",
        "stand_in": stand_in_of(tables),
        "read": {str(k): int(v) for k, v in
                 tables["features_prompts"]["read"].value_counts().items()},
        "selected_on": list(found.sides.pairs),
        "features_tested": len(found.features),
        "smallest_reachable_p": smallest_p(len(found.sides.pairs), found.at),
        "test": TEST,
        "diffs_by_layer": {
            str(n): _listed([row for row in rows if row["layer"] == n][: study.topk])
            for n in layers
        },
        "overall": _listed(rows[: study.topk]),
        "all_diffs": [
            {"pair_id": pair, "layer": n, **_of_pair(every, i, n, study.topk)}
            for i, pair in enumerate(every.pairs)
            for n in layers
        ],
    }  # fmt: skip


def _listed(rows: Rows) -> dict[str, Any]:
    columns = {
        "top_diff_features": "feature", "layers": "layer", "diff_magnitudes": "mean",
        "cohens_d_z": "d_z", "p_max_t": "p_max_t", "q": "q",
        "correct_activations": "mean_correct", "misconception_activations": "mean_misconception",
    }  # fmt: skip
    return {name: [row[column] for row in rows] for name, column in columns.items()}


def _of_pair(every: Sides, row: int, layer: int, k: int) -> dict[str, Any]:
    own = np.array([feature.layer == layer for feature in every.features])
    difference = np.where(own, every.differences[row], 0.0)
    order = np.argsort(-np.abs(difference), kind="stable")[:k]
    kept = [int(i) for i in order if difference[i] != 0]
    return {
        "top_diff_features": [every.features[i].number for i in kept],
        "diff_magnitudes": difference[kept].tolist(),
        "correct_activations": every.correct[row, kept].tolist(),
        "misconception_activations": every.misconception[row, kept].tolist(),
    }
