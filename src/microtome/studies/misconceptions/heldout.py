"""What was found on one half of the pairs, looked up on the other."""

from typing import Any

import numpy as np

from microtome.statistics import Interval
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast, Feature, Sides, cohens_d_z
from microtome.studies.misconceptions.exchange import exchange
from microtome.studies.misconceptions.intervals import means
from microtome.studies.misconceptions.relabelling import Relabelled, scores
from microtome.studies.misconceptions.separation import interval

Rows = list[dict[str, Any]]


def heldout_rows(found: Contrast, test: Sides, extra: Sides, study: Configuration) -> Rows:
    """Every claimed feature on the held-out pairs and on those of the file, corrected again."""
    claimed = [found.features[i] for i in found.ranked() if found.claimed[i]]
    if not claimed or not test.pairs:
        return []
    rows = _named(claimed, found)
    for prefix, own in (("test", test), ("extra", extra)):
        if own.pairs:
            rows = [a | b for a, b in zip(rows, _tested(prefix, own.only(claimed), study),
                                          strict=True)]  # fmt: skip
    for row, right, wrong in zip(rows, *_columns(test.only(claimed)), strict=True):
        row |= _auroc(row["side"], right, wrong, study)
        row["confirmed"] = again(row, "test", found.alpha)
    return rows


def again(row: dict[str, Any], prefix: str, alpha: float) -> bool:
    """Whether other pairs give the same direction: their p counts and their interval lies there."""
    end = row[f"{prefix}_low"] if row["mean"] > 0 else row[f"{prefix}_high"]
    same = end is not None and end * np.sign(row["mean"]) > 0
    return bool(row[f"{prefix}_p_max_t"] <= alpha and same)


def _named(claimed: list[Feature], found: Contrast) -> Rows:
    place = {feature: i for i, feature in enumerate(found.features)}
    return [
        {"layer": f.layer, "feature": f.number, "side": side_of(found.mean[place[f]]),
         "mean": float(found.mean[place[f]])}
        for f in claimed
    ]  # fmt: skip


def side_of(mean: float) -> str:
    """The members in which a feature is larger."""
    return "correct" if mean > 0 else "misconception"


def _tested(prefix: str, own: Sides, study: Configuration) -> Rows:
    p, d_z = exchange(own.differences, study.at).p, cohens_d_z(own.differences)
    return [
        {f"{prefix}_mean": found.value, f"{prefix}_low": found.low, f"{prefix}_high": found.high,
         f"{prefix}_d_z": float(d_z[i]), f"{prefix}_p": found.p,
         f"{prefix}_p_max_t": float(p[i]), f"{prefix}_n": found.n}
        for i, found in enumerate(means(own.differences, study.at))
    ]  # fmt: skip


def _columns(own: Sides) -> tuple[np.ndarray, np.ndarray]:
    return own.correct.T, own.misconception.T


def _auroc(side: str, right: np.ndarray, wrong: np.ndarray, study: Configuration) -> dict[str, Any]:
    sign = 1.0 if side == "correct" else -1.0
    return _cells(interval(sign * right, sign * wrong, study.at))


def _cells(found: Interval) -> dict[str, Any]:
    return {
        "auroc": found.value, "auroc_low": found.low, "auroc_high": found.high,
        "auroc_p": found.p,
    }  # fmt: skip


def separation_rows(
    found: Contrast, test: Sides, control: Relabelled, study: Configuration
) -> Rows:
    """Per layer the strongest features together: AUROC on held-out pairs, and when relabelled."""
    own = test.only(found.features)
    rows: Rows = []
    for layer in dict.fromkeys(f.layer for f in found.features) if test.pairs else ():
        right, wrong = scores(found, found.mean, own, layer, study.top_n)
        control_values = [a[layer] for a in control.aurocs if layer in a]
        ends = np.quantile(control_values, [(1 - study.level) / 2, (1 + study.level) / 2])
        t = np.abs([t for f, t in zip(found.features, found.test.t, strict=True)
                    if f.layer == layer])  # fmt: skip
        rows.append(
            {"layer": layer, **_cells(interval(right, wrong, study.at)), "n": len(own.pairs),
             "relabelled_low": float(ends[0]), "relabelled_high": float(ends[1]),
             "relabelled_max": float(max(control_values)), "strongest_t": float(t.max())}
        )  # fmt: skip
    return rows
