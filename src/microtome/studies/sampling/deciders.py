"""What the top forks have in common: layers and components over forks, with controls.

Forks of one problem share their text, so intervals are over problems.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Finding, Tables
from microtome.statistics import Interval, bootstrap_mean
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.decisions import ELSEWHERE, FORK, RANDOM, Rows
from microtome.studies.sampling.evidence import largest_elsewhere, over_problems
from microtome.studies.sampling.verdicts import row_of, said

if TYPE_CHECKING:
    import pandas as pd

_SIZES = ("size", "size_low", "size_high")
CONDITIONS = (FORK, ELSEWHERE, RANDOM)


def layer_means(layers: "pd.DataFrame", study: Configuration) -> Rows:
    """Mean contribution of every layer under every condition, with its interval."""
    found = []
    for condition, layer, rows in _by(layers, "layer"):
        row = {"condition": condition, "layer": int(layer)}
        row |= row_of(mean_of(rows, "total", study))
        row |= {name: float(rows[name].mean()) for name in ("attention", "mlp")}
        row |= size_of(rows, "total", study)
        known = bool(rows["seed"].notna().all())
        theirs = size_of(rows, "seed", study) if known else {}
        row |= {f"seed_{name}": theirs.get(name) for name in _SIZES}
        found.append(row)
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
        row |= row_of(mean_of(rows, "contribution", study)) | size_of(rows, "contribution", study)
        for other, prefix in ((ELSEWHERE, "elsewhere_"), (RANDOM, "random_pair_")):
            there = every.get((other, name))
            sizes = {} if there is None else size_of(there, "contribution", study)
            row |= {f"{prefix}{what}": sizes.get(what) for what in _SIZES}
        found.append(row)
    return sorted(found, key=lambda row: -row["size"])


def mean_of(
    rows: "pd.DataFrame", column: str, study: Configuration, least: float = -np.inf
) -> Interval:
    """Mean over forks with its interval over problems, cut at `least`."""
    return bootstrap_mean(
        rows[column].to_numpy(float), list(rows["problem"]), level=study.level,
        resamples=study.resamples, seed=study.seed, within=(least, np.inf),
    )  # fmt: skip


def size_of(rows: "pd.DataFrame", column: str, study: Configuration) -> dict[str, Any]:
    """Mean of |column| with its interval: forks write for one token here, for the other there."""
    found = mean_of(rows.assign(size=rows[column].abs()), "size", study, least=0.0)
    return {"size": found.value, "size_low": found.low, "size_high": found.high}


def chosen_size(rows: "pd.DataFrame", by: str, column: str, study: Configuration) -> Interval:
    """Mean |column| at forks of the largest of `by`, each problem's as chosen on the other half."""
    own = rows[rows["condition"] == FORK]
    sizes = own.assign(size=own[column].abs()).pivot_table(
        index="problem", columns=by, values="size"
    )
    return over_problems(largest_elsewhere(sizes.to_numpy(float)), study, (0, np.inf))


def _chosen(size: Interval, study: Configuration) -> str:
    """What it is on problems that it was not chosen on, with its interval."""
    if size.low is None:
        return said(size, study)
    return f"{size.value:.2f} on problems that it was not chosen on, {said(size, study)}"


def _by(frame: "pd.DataFrame", column: str) -> "Iterator[tuple[str, Any, pd.DataFrame]]":
    for condition in CONDITIONS:
        here = frame[frame["condition"] == condition]
        for value, rows in here.groupby(column, sort=False):
            yield condition, value, rows


def decision_findings(
    tables: Tables, layers: Rows, top: Rows, study: Configuration
) -> list[Finding]:
    """Layers and components of the forks, how true their contributions are, the original's sum."""
    found = [
        _layer(layers, tables["attribution_layers"], study),
        _component(top, tables["attribution_forks"], study),
    ]
    found.append(_ablation(tables["attribution_ablations"], study))
    if study.formula == "seed":
        found.append(_seed(tables["attribution_layers"], study))
    return found


def _layer(layers: Rows, rows: "pd.DataFrame", study: Configuration) -> Finding:
    at = {name: [row for row in layers if row["condition"] == name] for name in CONDITIONS}
    best = max(at[FORK], key=lambda row: row["size"])
    forks = rows[(rows["condition"] == FORK) & (rows["layer"] == best["layer"])]
    others = "; ".join(
        f"{name}: {_at(at[name], best['layer'])}" for name in (ELSEWHERE, RANDOM) if at[name]
    )
    size = chosen_size(rows, "layer", "total", study)
    reached = [_size_at(at[name], best["layer"]) for name in (ELSEWHERE, RANDOM) if at[name]]
    return Finding(
        f"At {len(forks)} forks logit top 1 − top 2 is {forks['delta'].mean():.2f} on average; "
        f"layer {best['layer']} writes most to either side, {best['size']:.2f} logits "
        f"({_chosen(size, study)}), {best['mean']:+.2f} for the token taken"
        f"{_no_more(best['size'], reached)}.",
        size.value, size.low, size.high, unit="logits", n=len(forks),
        about="layer that writes most at forks", control=f"its size for the {others}",
    )  # fmt: skip


def _no_more(size: float, controls: Sequence[float]) -> str:
    """What has to be said where a control writes as much."""
    return "; that is no more than the controls" if max(controls, default=-1.0) >= size else ""


def _size_at(rows: Rows, layer: int) -> float:
    return float(next(row["size"] for row in rows if row["layer"] == layer))


def _at(rows: Rows, layer: int) -> str:
    (row,) = [row for row in rows if row["layer"] == layer]
    low, high = row["size_low"], row["size_high"]
    return f"{row['size']:.2f}" + ("" if low is None else f" ({low:.2f} to {high:.2f})")


def _component(top: Rows, parts: "pd.DataFrame", study: Configuration) -> Finding:
    best = top[0]
    own = parts[parts["kind"].isin(("head", "mlp"))]
    size = chosen_size(own, "component", "contribution", study)
    reached = {
        words: float(best[column])
        for words, column in (
            ("same pair elsewhere", "elsewhere_size"), ("random pairs", "random_pair_size"),
        )
        if best[column] is not None
    }  # fmt: skip
    controls = [f"{words} {value:.2f}" for words, value in reached.items()]
    return Finding(
        f"{best['component']} writes most over the forks, {best['size']:.2f} logits to either side "
        f"({_chosen(size, study)}), {best['mean']:+.2f} for the token taken, "
        f"on {best['n']} forks of {best['problems']} problems"
        f"{_no_more(best['size'], list(reached.values()))}.",
        size.value, size.low, size.high, unit="logits", n=best["n"],
        about="component that writes most at forks", control=", ".join(controls),
    )  # fmt: skip


def _ablation(rows: "pd.DataFrame", study: Configuration) -> Finding:
    top, other = rows[rows["role"] == "top"], rows[rows["role"] == "random"]
    agree = top.assign(same=np.sign(top["predicted"]) == np.sign(top["observed"]))
    error = (top["observed"] - top["predicted"]).abs().mean()
    change = mean_of(top.assign(size=top["observed"].abs()), "size", study, least=0.0)
    compared = f"{other['observed'].abs().mean():.2f} logits" if len(other) else "there is none"
    return Finding(
        f"Ablating each fork's top component moves the difference by {change.value:.2f} logits "
        f"({said(change, study)}); its contribution predicted {top['predicted'].abs().mean():.2f}, "
        f"the sign right in {int(agree['same'].sum())} of {len(top)}, off by {error:.2f} on "
        f"average: what later layers and the final norm make of it"
        f"{_no_more(change.value, [float(other['observed'].abs().mean())] if len(other) else [])}.",
        change.value, change.low, change.high, unit="logits", n=len(top),
        about="ablation of the top component",
        control=f"a random component of the same kind moves it by {compared}",
    )  # fmt: skip


def _seed(rows: "pd.DataFrame", study: Configuration) -> Finding:
    own = rows[rows["condition"] == FORK]
    forks = [part for _, part in own.groupby(["problem", "t"], sort=False)]
    sums = [float(part["seed"].sum() - part["delta"].iloc[0]) for part in forks]
    same = sum(
        int(part["seed"].abs().to_numpy().argmax() == part["total"].abs().to_numpy().argmax())
        for part in forks
    )
    gaps = own.drop_duplicates(["problem", "t"]).assign(off=np.abs(sums))
    off = mean_of(gaps, "off", study, least=0.0)
    return Finding(
        f"The original's formula (W_U[top 1] − W_U[top 2])·(h_l − h_l−1) misses the logit "
        f"difference by {off.value:.2f} logits on average ({said(off, study)}) and names the same "
        f"top layer as the exact split at {same} of {len(forks)} forks.",
        off.value, off.low, off.high, unit="logits", n=len(forks),
        about="gap of the original's formula",
        control=f"gap of the exact split: {own['gap'].abs().max():.1g}",
    )  # fmt: skip
