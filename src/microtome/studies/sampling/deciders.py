"""What the top forks have in common: layers and components over forks, with controls.

Forks of one problem share their text, so intervals resample problems.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab import evidence
from microtome.lab.study import Finding, Tables
from microtome.statistics import Interval
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.decisions import CONDITIONS, ELSEWHERE, FORK, RANDOM, Rows
from microtome.studies.sampling.frames import PROBLEMS, columns_of
from microtome.studies.sampling.largest import SIZES, Largest, largest

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("size", "size_low", "size_high")


def layer_means(layers: "pd.DataFrame", study: Configuration) -> Rows:
    """Mean contribution of every layer under every condition, with its interval."""
    found = []
    for condition, layer, rows in _by(layers, "layer"):
        row = {"condition": condition, "layer": int(layer)} | _means(rows, "total", study)
        row |= {name: float(rows[name].mean()) for name in ("attention", "mlp")}
        known = bool(rows["seed"].notna().all())
        original = columns_of(size_of(rows, "seed", study), "size") if known else {}
        found.append(row | {f"seed_{name}": original.get(name) for name in _COLUMNS})
    return found


def components(parts: "pd.DataFrame", study: Configuration) -> Rows:
    """Heads and MLPs by mean |contribution| at forks, the largest first, with their controls."""
    own = parts[parts["kind"].isin(("head", "mlp"))]
    every = {(c, name): rows for c, name, rows in _by(own, "component")}
    found = []
    for condition, name, rows in _by(own, "component"):
        if condition != FORK:
            continue
        row = {"component": name, "kind": rows["kind"].iloc[0], "layer": int(rows["layer"].iloc[0])}
        row |= _means(rows, "contribution", study)
        for other, prefix in ((ELSEWHERE, "elsewhere_"), (RANDOM, "random_pair_")):
            there = every.get((other, name))
            sizes = {} if there is None else columns_of(
                size_of(there, "contribution", study), "size"
            )  # fmt: skip
            row |= {f"{prefix}{what}": sizes.get(what) for what in _COLUMNS}
        found.append(row)
    return sorted(found, key=lambda row: -row["size"])


def _means(rows: "pd.DataFrame", column: str, study: Configuration) -> dict[str, Any]:
    """Mean of a contribution and of its size: forks write for one token here, the other there."""
    signed = evidence.mean(rows, column, by="problem", at=study.at)
    row = {"mean": signed.value, **evidence.columns(signed), "problems": signed.clusters}
    return row | columns_of(size_of(rows, column, study), "size")


def size_of(rows: "pd.DataFrame", column: str, study: Configuration) -> Interval:
    """Mean |column| with its interval over problems."""
    sizes = rows.assign(size=rows[column].abs())
    return evidence.mean(sizes, "size", by="problem", at=study.at, within=SIZES)


def _by(frame: "pd.DataFrame", column: str) -> "Iterator[tuple[str, Any, pd.DataFrame]]":
    for condition in CONDITIONS:
        here = frame[frame["condition"] == condition]
        for value, rows in here.groupby(column, sort=False):
            yield condition, value, rows


def decision_findings(tables: Tables, study: Configuration) -> list[Finding]:
    """Layers and components of the forks, how true their contributions are, the original's sum."""
    found = [
        _layer(tables["attribution_layers"], study),
        _component(tables["attribution_forks"], study),
    ]
    found.append(_ablation(tables["attribution_ablations"], study))
    if study.formula == "seed":
        found.append(_seed(tables["attribution_layers"], study))
    return found


def _layer(rows: "pd.DataFrame", study: Configuration) -> Finding:
    forks = rows[rows["condition"] == FORK].drop_duplicates(["problem", "t"])
    opening = f"At {len(forks)} forks logit top 1 − top 2 is {forks['delta'].mean():.2f} on average"
    return _most(largest(rows, "layer", "total", study), "layer", opening)


def _component(parts: "pd.DataFrame", study: Configuration) -> Finding:
    own = parts[parts["kind"].isin(("head", "mlp"))]
    forks = own[own["condition"] == FORK].drop_duplicates(["problem", "t"])
    opening = f"At {len(forks)} forks of {forks['problem'].nunique()} problems"
    return _most(largest(own, "component", "contribution", study), "component", opening)


def _most(found: Largest | None, kind: str, opening: str) -> Finding:
    """What is claimed of the largest: its held-out size, and how it compares with the controls."""
    about = f"{kind} that writes most at forks"
    if found is None:
        return Finding.stated(
            f"{opening}; one problem cannot show which {kind} writes most.", unit="logits", n=1,
            about=about, control="none: selection and estimate need two problems",
        )  # fmt: skip
    size = found.size
    return Finding.stated(
        f"{opening}; {found.named(kind)} {size.value:.2f} logits on held-out problems "
        f"({evidence.worded(size, PROBLEMS)}), {found.compared()}.",
        **evidence.bounds(size), unit="logits", about=about, control=found.control(),
    )  # fmt: skip


def _ablation(rows: "pd.DataFrame", study: Configuration) -> Finding:
    top, other = rows[rows["role"] == "top"], rows[rows["role"] == "random"]
    right = int((np.sign(top["predicted"]) == np.sign(top["observed"])).sum())
    error = (top["observed"] - top["predicted"]).abs().mean()
    change = size_of(top, "observed", study)
    compared = f"{other['observed'].abs().mean():.2f} logits" if len(other) else "there is none"
    return Finding.stated(
        f"Ablating each fork's top component moves the difference by {change.value:.2f} logits "
        f"({evidence.worded(change, PROBLEMS)}), {_more_than(top, other, study)}. Its contribution "
        f"predicts {top['predicted'].abs().mean():.2f}: the sign is right in {right} of "
        f"{len(top)}, the mean error {error:.2f}, from later layers and the final norm.",
        **evidence.bounds(change), unit="logits", about="ablation of the top component",
        control=f"a random component of the same kind moves it by {compared}",
    )  # fmt: skip


def _more_than(top: "pd.DataFrame", other: "pd.DataFrame", study: Configuration) -> str:
    """Whether ablating the top component moves more than ablating the random one, by fork."""
    place = ["problem", "t"]
    both = top.merge(other, on=place, suffixes=("", "_random"))
    if both.empty:
        return "without a control"
    both = both.assign(gap=both["observed"].abs() - both["observed_random"].abs())
    gap = evidence.mean(both, "gap", by="problem", at=study.at)
    words = evidence.direction(
        gap, "more than a random one", "less than a random one", "not shown to exceed a random one"
    )  # fmt: skip
    return f"{words} (difference {gap.value:+.2f}, {evidence.worded(gap, PROBLEMS, '+.2f')})"


def _seed(rows: "pd.DataFrame", study: Configuration) -> Finding:
    own = rows[rows["condition"] == FORK]
    forks = [part for _, part in own.groupby(["problem", "t"], sort=False)]
    sums = [float(part["seed"].sum() - part["delta"].iloc[0]) for part in forks]
    same = sum(
        int(part["seed"].abs().to_numpy().argmax() == part["total"].abs().to_numpy().argmax())
        for part in forks
    )
    gaps = own.drop_duplicates(["problem", "t"]).assign(off=np.abs(sums))
    off = size_of(gaps, "off", study)
    return Finding.stated(
        f"The original's formula (W_U[top 1] − W_U[top 2])·(h_l − h_l−1) misses the logit "
        f"difference by {off.value:.2f} logits on average ({evidence.worded(off, PROBLEMS)}) and "
        f"names the same top layer as the exact split at {same} of {len(forks)} forks.",
        **evidence.bounds(off), unit="logits", about="gap of the original's formula",
        control=f"gap of the exact split: {own['gap'].abs().max():.1g}",
    )  # fmt: skip
