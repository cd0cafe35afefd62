"""Distances to the oracle over problems, per layer, with controls."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.statistics import mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import columns_of, groups, p_of_columns

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
DISTANCES, SHARES = (0.0, np.inf), (0.0, 1.0)
_ARMS = ("forced", "unforced", "control")


def by_layer(frame: "pd.DataFrame", study: Configuration) -> Rows:
    """Per layer the mean distance over problems, the control's, and control − own."""
    names = {
        "relative": DISTANCES, "percentile": SHARES, "relative_control": DISTANCES,
        "percentile_control": SHARES,
    }  # fmt: skip
    means = frame.groupby(["layer", "problem"], sort=False)[[*names, "distance"]].mean()
    layers = list(dict.fromkeys(frame["layer"]))
    gaps = [means.loc[n, "relative_control"] - means.loc[n, "relative"] for n in layers]
    tested = p_of_columns(np.stack(gaps, 1), study.at)
    found = []
    for layer, gap, p in zip(layers, gaps, tested, strict=True):
        own = means.loc[layer]
        row: dict[str, Any] = {"layer": layer, "problems": len(own)}
        row["completions"] = int((frame["layer"] == layer).sum())
        row["distance"] = float(own["distance"].mean())
        for name, within in names.items():
            row |= columns_of(mean(own[name], list(own.index), study.at, within=within), name)
        row |= columns_of(mean(gap, list(gap.index), study.at), "control_minus_own")
        found.append({**row, "p": p})
    return found


def drift_by_layer(frame: "pd.DataFrame", study: Configuration) -> Rows:
    """Per layer the distance of every arm and the paired differences to the unforced one."""
    found, changes = [], []
    if frame.empty or not set(_ARMS) <= set(frame["arm"]):
        return []
    for (layer,), part in groups(frame, "layer"):
        wide = part.pivot_table(index="problem", columns="arm", values="relative", sort=False)
        wide = wide.dropna()
        plain = part.pivot_table(index="problem", columns="arm", values="distance_to_whole")
        names = list(wide.index)
        row: dict[str, Any] = {"layer": layer, "problems": len(wide), "completions": len(part)}
        for arm in _ARMS:
            row |= columns_of(mean(wide[arm], names, study.at, within=DISTANCES), arm)
        change = wide[["forced", "control"]].sub(wide["unforced"], axis=0)
        for arm in ("forced", "control"):
            row |= columns_of(mean(change[arm], names, study.at), f"{arm}_change")
        # As the original pairs them: whole against whole, whatever tokens are pooled.
        whole = plain.reindex(wide.index)
        row |= {f"{arm}_to_whole": float(whole[arm].mean()) for arm in ("forced", "unforced")}
        found.append(row)
        changes.append(change)
    for arm in ("forced", "control"):
        tested = p_of_columns(np.stack([change[arm] for change in changes], 1), study.at)
        for row, p in zip(found, tested, strict=True):
            row[f"{arm}_p"] = p
    return found
