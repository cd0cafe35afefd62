"""Distances to the oracle over problems: per layer, with controls, and what they say."""

from typing import TYPE_CHECKING, Any

from microtome.lab.study import Finding, Tables
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.evidence import (
    bounds,
    columns_of,
    flip_p,
    groups,
    over_problems,
    said,
)

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]


def by_layer(frame: "pd.DataFrame", study: Configuration) -> Rows:
    """Per layer the mean distance over problems, the control's, and their difference."""
    names = ["relative", "percentile", "relative_control", "percentile_control"]
    means = frame.groupby(["layer", "problem"], sort=False)[[*names, "distance"]].mean()
    layers = list(dict.fromkeys(frame["layer"]))
    gaps = [means.loc[n, "relative_control"] - means.loc[n, "relative"] for n in layers]
    p = _p(gaps, study)
    found = []
    for i, layer in enumerate(layers):
        own = means.loc[layer]
        row: dict[str, Any] = {"layer": layer, "problems": len(own)}
        row["completions"] = int((frame["layer"] == layer).sum())
        row["distance"] = float(own["distance"].mean())
        for name in names:
            row |= columns_of(over_problems(own[name], study), name)
        row |= columns_of(over_problems(gaps[i], study), "control_minus_own")
        found.append({**row, "p": p[i]})
    return found


def _p(gaps: "list[pd.Series]", study: Configuration) -> list[float | None]:
    """p-values corrected over layers; None where one problem alone cannot be tested."""
    import numpy as np

    if len(gaps[0]) < 2:
        return [None] * len(gaps)
    return list(flip_p(np.stack([gap.to_numpy(float) for gap in gaps], 1), study))


def manifold_findings(layers: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """Distance in the layer of the study, against the control, and for right and wrong ones."""
    if not layers:
        return []
    row = layers[study.layer_among([r["layer"] for r in layers])]
    layer, frame = row["layer"], tables["manifold"]
    p = "" if row["p"] is None else f" (p = {row['p']:.2g} over layers)"
    found = [
        Finding(
            f"In layer {layer} a completion at T = {study.manifold_temperature:g} lies "
            f"{row['relative']:.2f} of √mean|z|² from the oracle's solution, farther than "
            f"{row['percentile']:.0%} of the distances among the problem's own completions; "
            f"another problem's solution is at {row['relative_control']:.2f}{p}.",
            row["relative"], row["relative_low"], row["relative_high"],
            unit="distance / √mean|z|²", n=row["problems"], about="distance to the oracle",
            control=f"the oracle of another problem: {row['relative_control']:.2f}, percentile "
            f"{row['percentile_control']:.2f}",
        )
    ]  # fmt: skip
    return [*found, *_right_and_wrong(frame[frame["layer"] == layer], layer, study)]


def _right_and_wrong(own: "pd.DataFrame", layer: int, study: Configuration) -> list[Finding]:
    """Are right completions nearer? Within problems that have both."""
    means = own.groupby(["problem", "correct"])["relative"].mean().unstack()
    if study.grader == "none" or means.shape[1] < 2:
        return []
    both = means.dropna()
    if len(both) < 2:
        return []
    gap = over_problems(both[False] - both[True], study)
    p = flip_p((both[False] - both[True]).to_numpy(float)[:, None], study)[0]
    return [
        Finding(
            f"Wrong completions lie {gap.value:+.2f} of √mean|z|² farther from the oracle than "
            f"right ones of the same problem in layer {layer} ({said(gap, study, '+.2f')}).",
            **bounds(gap), unit="distance / √mean|z|², wrong − right",
            about="wrong against right completions",
            control=f"signs flipped over problems: p = {p:.2g}",
        )
    ]  # fmt: skip


def drift_by_layer(frame: "pd.DataFrame", study: Configuration) -> Rows:
    """Per layer the distance of every arm and the paired differences to the unforced one."""
    found = []
    if frame.empty:
        return []
    for (layer,), part in groups(frame, "layer"):
        wide = part.pivot_table(index="problem", columns="arm", values="relative", sort=False)
        plain = part.pivot_table(index="problem", columns="arm", values="distance_to_whole")
        if not {"forced", "unforced", "control"} <= set(wide.columns):
            continue
        wide = wide.dropna()
        row: dict[str, Any] = {"layer": layer, "problems": len(wide)}
        row["completions"] = len(part)
        for arm in ("forced", "unforced", "control"):
            row |= columns_of(over_problems(wide[arm], study), arm)
        for arm in ("forced", "control"):
            row |= columns_of(over_problems(wide[arm] - wide["unforced"], study), f"{arm}_change")
        # As the original pairs them: whole against whole, whatever tokens are pooled.
        seed = plain.reindex(wide.index)
        row |= {f"{arm}_to_whole": float(seed[arm].mean()) for arm in ("forced", "unforced")}
        found.append(row)
    for name in ("forced", "control"):
        _add_p(found, frame, name, study)
    return found


def _add_p(rows: Rows, frame: "pd.DataFrame", arm: str, study: Configuration) -> None:
    gaps = []
    for row in rows:
        part = frame[frame["layer"] == row["layer"]]
        wide = part.pivot_table(index="problem", columns="arm", values="relative").dropna()
        gaps.append(wide[arm] - wide["unforced"])
    for row, p in zip(rows, _p(gaps, study) if gaps else [], strict=True):
        row[f"{arm}_p"] = p


def drift_findings(layers: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """What forcing the oracle's beginning changes, in the layer of the study."""
    if not layers:
        return []
    row = layers[study.layer_among([r["layer"] for r in layers])]
    word = "nearer to" if row["forced_change"] < 0 else "farther from"
    p = "" if row["forced_p"] is None else f", p = {row['forced_p']:.2g} over layers"
    ends = ""
    if row["forced_change_low"] is not None:
        ends = f" ({row['forced_change_low']:+.2f} to {row['forced_change_high']:+.2f}{p})"
    return [
        Finding(
            f"With the first {study.oracle_percentage:.0%} of the oracle's tokens forced, what "
            f"follows is {abs(row['forced_change']):.2f} of |z*| {word} the oracle's own "
            f"continuation than free completions are over the same tokens{ends} in layer "
            f"{row['layer']}; {row['forced']:.2f} of |z*| remain.",
            row["forced_change"], row["forced_change_low"], row["forced_change_high"],
            unit="distance / |z*|, forced − free", n=row["problems"], about="drift",
            control=f"as many tokens of another problem's oracle: {row['control_change']:+.2f}",
        )
    ]  # fmt: skip
