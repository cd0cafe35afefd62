"""Ablations summed up per layer and side, and as `ablation_report.json`.

    effect    mean change of Δ over the headline's prompts, in the predicted direction
    p         share of random sets whose effect is as large, the ablated set counted in
    q         Benjamini and Hochberg's, over all ablations of the run with a predicted direction

Where no direction is predicted the absolute change is compared.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.audit import Audit
from microtome.lab.study import Tables
from microtome.statistics import benjamini_hochberg, mean
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.marking import stand_in_of

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_PLACE = ["layer", "side", "features"]
SIGNS = {"correct": -1, "misconception": 1, "neither": 0}
"""The direction in which Δ is predicted to move without the features of a side."""


def summaries(tables: Tables, study: Configuration) -> Rows:
    """One row per layer and side; a feature is claimed where the contrast claims it."""
    controls, claimed = tables["ablate_controls"], claimed_in(tables, study.alpha)
    made = [
        summary(place, own, _of(controls, place), study)
        | {"n_claimed": sum((place["layer"], int(f)) in claimed for f in place["features"].split())}
        for place, own in _groups(tables["ablate_results"])
    ]
    return _corrected(made)


def claimed_in(tables: Tables, alpha: float) -> set[tuple[int, int]]:
    """Layer and number of the features that the contrast claims."""
    if "contrast" not in tables:
        return set()
    frame = tables["contrast"]
    own = frame[frame["p_max_t"] <= alpha]
    return set(zip(own["layer"].astype(int), own["feature"].astype(int), strict=True))


def _corrected(made: Rows) -> Rows:
    """With q over the ablations that predict a direction; the others have none."""
    predicted = [row for row in made if row["predicted"]]
    q = iter(benjamini_hochberg([row["p_random"] for row in predicted]).tolist())
    return [row | {"q_random": next(q) if row["predicted"] else None} for row in made]


def differing_claims(tables: Tables, alpha: float) -> Audit:
    """Features that ablating saw as claimed and the contrast not, or the reverse."""
    claimed, frame = claimed_in(tables, alpha), tables["ablate_features"]
    frame = frame[frame["layer"].isin(tables["features_dictionaries"]["layer"])]
    rows = zip(frame["layer"], frame["feature"], frame["p_max_t"], strict=True)
    wrong = sum((p <= alpha) != ((int(n), int(f)) in claimed) for n, f, p in rows)
    return Audit("features claimed by only one of contrast and ablation", float(wrong), 0.0)


def summary(
    place: dict[str, Any], own: "pd.DataFrame", controls: "pd.DataFrame", study: Configuration
) -> dict[str, Any]:
    """One ablation from its rows per prompt and its random sets."""
    headline = own[own["headline"]]
    change = headline["change"].to_numpy(float)
    sign = SIGNS[place["side"]]
    # Both members of a pair are there where a feature is the user's.
    found = mean(change, list(headline["pair_id"]), study.at)
    effect, random = _effects(found.value, controls["mean_change"].to_numpy(float), sign)
    return {
        **place, "predicted": sign, "n": found.n, "mean_change": found.value, "low": found.low,
        "high": found.high, "p_change": found.p, "limited": found.limited, "decider": found.decider,
        "without": found.without, "effect": effect,
        "random_max": float(random.max()),
        "random_mean": float(random.mean()), "n_random": len(random),
        "p_random": float((1 + (random >= effect).sum()) / (1 + len(random))),
        "smallest_p": 1 / (1 + len(random)), "beyond_all": bool(effect > random.max()),
        **counts(change, study.tolerance), "tokens": int(controls["tokens"].iloc[0]),
        "size": float(controls["target_size"].iloc[0]),
        "random_size": float(controls["size"].mean()),
    }  # fmt: skip


def _effects(mean: float, random: np.ndarray, sign: int) -> tuple[float, np.ndarray]:
    """In the predicted direction; absolute where there is none."""
    return (abs(mean), np.abs(random)) if sign == 0 else (sign * mean, sign * random)


def counts(change: np.ndarray, tolerance: float) -> dict[str, int]:
    """How many prompts' Δ fell, rose, or stayed within the tolerance."""
    return {
        "decreased": int((change < -tolerance).sum()),
        "increased": int((change > tolerance).sum()),
        "unchanged": int((np.abs(change) <= tolerance).sum()),
    }


def ablation_report(made: Rows, tables: Tables, study: Configuration) -> dict[str, Any]:
    """All ablations; the fields of the first also stand at the top."""
    if not made:
        return {"ablations": [], "stand_in": stand_in_of(tables)}
    parts = [_part(row, tables, study) for row in made]
    return {
        **parts[0],
        "change": "log p(correct) - log p(misconception), ablated minus baseline",
        "mode": study.mode,
        "positions": study.ablated_positions,
        "stand_in": stand_in_of(tables),
        "ablations": parts,
    }


def _part(row: dict[str, Any], tables: Tables, study: Configuration) -> dict[str, Any]:
    place = {name: row[name] for name in _PLACE}
    features = [int(one) for one in str(row["features"]).split()]
    results = _of(tables["ablate_results"], place).drop(columns=[*_PLACE])
    controls = _of(tables["ablate_controls"], place)[["control_features", "mean_change"]]
    injected = _of(tables["ablate_features"], place).drop(columns=[*_PLACE])
    summary = {
        "mean_delta": row["mean_change"], "low": row["low"], "high": row["high"], "n": row["n"],
        **{name: row[name] for name in ("decreased", "increased", "unchanged")},
        "tolerance": study.tolerance, "predicted": row["predicted"],
        "features_claimed": row["n_claimed"], "p_random": row["p_random"],
        "q_random": row["q_random"], "smallest_p": row["smallest_p"],
        "beyond_all_random": row["beyond_all"],
    }  # fmt: skip
    return {
        "layer": row["layer"],
        "feature_id": features[0] if len(features) == 1 else features,
        "side": row["side"],
        "results": _records(results),
        "summary": summary,
        "random_features": _records(controls),
        "token_injection": _records(injected),
    }


def _records(frame: "pd.DataFrame") -> Rows:
    return [{str(k): v for k, v in row.items()} for row in frame.to_dict("records")]


def _groups(frame: "pd.DataFrame") -> "Iterator[tuple[dict[str, Any], pd.DataFrame]]":
    for values, own in frame.groupby(_PLACE, sort=False):
        layer, side, features = values
        yield {"layer": int(str(layer)), "side": str(side), "features": str(features)}, own


def _of(frame: "pd.DataFrame", place: dict[str, Any]) -> "pd.DataFrame":
    kept = (frame["layer"] == place["layer"]) & (frame["side"] == place["side"])
    return frame[kept]
