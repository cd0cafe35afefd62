"""Distances to the oracle over problems: per layer, with controls, and what they show."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab import evidence
from microtome.lab.study import Finding, Tables
from microtome.statistics import mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import (
    PROBLEMS,
    columns_of,
    groups,
    p_of_columns,
    p_words,
)

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


def manifold_findings(layers: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """Distance in the layer of the study, against the control, and for right and wrong ones."""
    if not layers:
        return []
    row = layers[study.layer_among([r["layer"] for r in layers])]
    layer, frame = row["layer"], tables["manifold"]
    own = frame[frame["layer"] == layer]
    found = _oracle(own, row, study)
    return [found, *_right_and_wrong(own, layer, study)]


def _oracle(own: "pd.DataFrame", row: dict[str, Any], study: Configuration) -> Finding:
    at = evidence.mean(own, "relative", by="problem", at=study.at, within=DISTANCES)
    gap = evidence.mean(
        own.assign(gap=own["relative_control"] - own["relative"]), "gap", by="problem", at=study.at
    )
    other = evidence.direction(gap, "farther", "nearer", "not shown to differ in distance")
    return Finding.stated(
        f"At T = {study.manifold_temperature:g}, layer {row['layer']}, completions lie "
        f"{at.value:.2f} √mean|z|² from the oracle's solution "
        f"({evidence.worded(at, PROBLEMS)}); {row['percentile']:.0%} of the distances among a "
        f"problem's own completions are shorter. The oracle's text of another problem is {other}: "
        f"control − own {gap.value:+.2f} ({evidence.worded(gap, PROBLEMS, '+.2f')}).",
        **evidence.bounds(at), unit="distance / √mean|z|²", about="distance to the oracle",
        control=f"oracle of another problem: {row['relative_control']:.2f}, percentile "
        f"{row['percentile_control']:.2f}; mean of control − own is 0, over layers: "
        f"{p_words(row['p'])}",
    )  # fmt: skip


def _right_and_wrong(own: "pd.DataFrame", layer: int, study: Configuration) -> list[Finding]:
    """Are right completions nearer? Within problems that have both."""
    means = own.groupby(["problem", "correct"])["relative"].mean().unstack()
    if study.grader == "none" or means.shape[1] < 2:
        return []
    both = means.dropna()
    if len(both) < 2:
        return []
    gap = mean(both[False] - both[True], list(both.index), study.at)
    words = evidence.direction(
        gap, "lie farther from the oracle than", "lie nearer to the oracle than",
        "are not shown to differ in distance to the oracle from",
    )  # fmt: skip
    return [
        Finding.stated(
            f"In layer {layer} wrong completions {words} right ones of the same problem: wrong − "
            f"right {gap.value:+.2f} √mean|z|² ({evidence.worded(gap, PROBLEMS, '+.2f')}).",
            **evidence.bounds(gap), unit="distance / √mean|z|², wrong − right",
            about="wrong against right completions",
            control="no control: problems that have both kinds",
        )
    ]  # fmt: skip


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


def drift_findings(layers: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """What forcing the oracle's beginning changes, in the layer of the study."""
    if not layers:
        return []
    row = layers[study.layer_among([r["layer"] for r in layers])]
    own = tables["drift"][tables["drift"]["layer"] == row["layer"]]
    wide = own.pivot_table(index="problem", columns="arm", values="relative", sort=False).dropna()
    change = mean(wide["forced"] - wide["unforced"], list(wide.index), study.at)
    word = evidence.direction(change, "increases", "reduces", "is not shown to change")
    return [
        Finding.stated(
            f"In layer {row['layer']} forcing the first {study.oracle_percentage:.0%} of the "
            f"oracle's tokens {word} the distance of what follows to the oracle's own "
            f"continuation: forced − free {change.value:+.2f} |z*| "
            f"({evidence.worded(change, PROBLEMS, '+.2f')}), compared over the same tokens; "
            f"{row['forced']:.2f} |z*| remain.",
            **evidence.bounds(change), unit="distance / |z*|, forced − free", about="drift",
            control=f"as many tokens of another problem's oracle forced: "
            f"{row['control_change']:+.2f}; mean of forced − free is 0, over layers: "
            f"{p_words(row['forced_p'])}",
        )
    ]  # fmt: skip
