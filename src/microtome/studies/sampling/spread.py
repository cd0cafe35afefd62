"""Spread over problems: what variance says per temperature, layer and checkpoint."""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Arrays, Finding, Tables
from microtome.methods import latents
from microtome.statistics import bootstrap_ratio
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.evidence import (
    bounds,
    columns_of,
    flip_p,
    groups,
    largest_elsewhere,
    over_problems,
    said,
    wide,
)

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
_MEANS = ("effective_rank", "eigenscore")


def settings_table(frame: "pd.DataFrame", arrays: Arrays, study: Configuration) -> Rows:
    """One row per temperature, checkpoint and layer: means over the problems that have a value."""
    if "tr_cov" not in frame:
        return []
    order = {layer: i for i, layer in enumerate(dict.fromkeys(frame["layer"]))}
    places = {checkpoint: i for i, checkpoint in enumerate(sorted(set(study.checkpoints)))}
    found = []
    for (t, checkpoint, layer), part in groups(frame, "temperature", "checkpoint", "layer"):
        known = part[part["tr_cov"].notna()]
        if known.empty:
            continue
        row = {
            "temperature": t, "checkpoint": checkpoint, "layer": layer,
            "problems": len(known), "completions": int(known["n"].sum()),
        }  # fmt: skip
        for name in ("tr_cov", "tr_cov_relative", "split_half", "split_half_relative"):
            if name in known and known[name].notna().all():
                row |= columns_of(over_problems(known[name], study), name)
        row |= {name: float(known[name].mean()) for name in _MEANS}
        if "control_relative" in known and known["control_relative"].notna().all():
            row |= columns_of(over_problems(known["control_relative"], study), "control_relative")
        means = [
            arrays["variance_means"][f"{problem} T={t:g}"][places[checkpoint], order[layer]]
            for problem in known["problem"]
        ]
        found.append({**row, **_shares(known, np.stack(means))})
    return found


def _shares(known: "pd.DataFrame", means: "np.ndarray") -> dict[str, float | None]:
    """within / (within + between problems), by tr Cov and by the split halves."""
    if len(known) < 2:
        return {"share_within": None, "share_within_split_half": None}
    total = known["tr_cov"].to_numpy(float)
    parts = latents.variance_components(means[:, None], total[:, None], known["n"])
    own = float(known["split_half"].mean()) if "split_half" in known else None
    split = None
    if own is not None and np.isfinite(own):
        split = float(np.clip(own / (own + parts.between[0]), 0, 1)) if own > 0 else 0.0
    return {"share_within": float(parts.relative[0]), "share_within_split_half": split}


def variance_findings(settings: Rows, tables: Tables, study: Configuration) -> list[Finding]:
    """What temperature, layer and length do; sentences only where there are numbers."""
    greedy = 0.0 in study.temperatures
    if not settings:
        return [_nothing(tables["variance"], greedy)]
    last = max(row["checkpoint"] for row in settings)
    hottest = max(row["temperature"] for row in settings)
    here = [r for r in settings if r["checkpoint"] == last and r["temperature"] == hottest]
    if not all(r.get("split_half_relative") is not None for r in here):
        return [_only_total(here, last, hottest, study)]
    frame = tables["variance"]
    found = [_where(here, frame, greedy, study)]
    # Chosen beforehand: the layer of the largest spread would be the one most by chance.
    layer = here[study.layer_among([row["layer"] for row in here])]["layer"]
    own = frame[(frame["layer"] == layer) & frame["split_half"].notna()]
    found += _hotter(own[own["checkpoint"] == last], layer, last, study)
    found += _longer(own[own["temperature"] == hottest], layer, hottest, study)
    return found + _impossible(frame, study)


def _nothing(frame: "pd.DataFrame", greedy: bool) -> Finding:
    why = "T = 0 is one greedy completion, deterministic"
    if not (greedy and set(frame["temperature"]) == {0.0}):
        why = "fewer than four completions of a problem reach a checkpoint; take earlier ones"
    return Finding(
        f"There is no variance to show: {why}.", unit="split-half variance / mean |z|²",
        n=int(frame["problem"].nunique()), about="spread", control="none: nothing was measured",
    )  # fmt: skip


def _where(here: Rows, frame: "pd.DataFrame", greedy: bool, study: Configuration) -> Finding:
    top = max(here, key=lambda row: row["split_half_relative"])
    last, hottest, other = top["checkpoint"], top["temperature"], top["control_relative"]
    cells = frame[(frame["checkpoint"] == last) & (frame["temperature"] == hottest)]
    table = wide(cells, "split_half_relative", [row["layer"] for row in here], "layer")
    spread = over_problems(largest_elsewhere(table), study)
    cold = " T = 0 is one greedy completion, deterministic: it has no variance." if greedy else ""
    ends = ""
    if spread.low is not None and spread.high is not None:
        ends = (
            f" ({spread.value:.3f}, {spread.low:.3f} to {spread.high:.3f}, on problems that the "
            f"layer was not chosen on)"
        )
    where = f"completions of one problem differ most in layer {top['layer']}"
    if spread.low is not None and spread.low <= 0:
        where = (
            f"no layer shows that completions of one problem differ (the interval holds 0); the "
            f"largest is layer {top['layer']}"
        )
    return Finding(
        f"At T = {hottest:g}, {last} tokens in, {where}: {top['split_half_relative']:.3f} of mean "
        f"|z|²{ends} is variance between them; tr Cov says "
        f"{top['tr_cov_relative']:.3f}, the rest of which is tokens.{cold}",
        **bounds(spread), unit="split-half variance / mean |z|²",
        about=f"spread at T={hottest:g}, {last} tokens",
        control=f"halves of different completions: {other:+.4f}",
    )  # fmt: skip


def _hotter(own: "pd.DataFrame", layer: int, last: int, study: Configuration) -> list[Finding]:
    """The hottest temperature against the coolest above 0, problem by problem."""
    temperatures = sorted(set(own["temperature"]))
    if len(temperatures) < 2:
        return []
    low, high = temperatures[0], temperatures[-1]
    pairs = own.pivot_table(index="problem", columns="temperature", values="split_half").dropna()
    if len(pairs) < 2 or pairs[low].sum() <= 0:
        return []
    change = over_problems(pairs[high] - pairs[low], study)
    p = flip_p((pairs[high] - pairs[low]).to_numpy()[:, None], study)[0]
    ratio = float(pairs[high].mean() / pairs[low].mean())
    return [
        Finding(
            f"From T = {low:g} to {high:g} the variance between completions (layer {layer}, {last} "
            f"tokens) changes by {change.value:+.3g} ({said(change, study, '+.3g')}), a factor of "
            f"{ratio:.2f}.",
            **bounds(change), unit="split-half variance", about=f"T={high:g} against T={low:g}",
            control=f"signs flipped over problems: p = {p:.2g}",
        )
    ]  # fmt: skip


def _longer(own: "pd.DataFrame", layer: int, t: float, study: Configuration) -> list[Finding]:
    """How both variances change from the first checkpoint to the last."""
    checkpoints = sorted(set(own["checkpoint"]))
    if len(checkpoints) < 2:
        return []
    first, last = checkpoints[0], checkpoints[-1]
    ratios = {}
    for name in ("split_half", "tr_cov"):
        pairs = own.pivot_table(index="problem", columns="checkpoint", values=name).dropna()
        if len(pairs) < 2 or pairs[first].sum() <= 0:
            return []
        ratios[name] = bootstrap_ratio(
            pairs[last], pairs[first], level=study.level, resamples=study.resamples, seed=study.seed
        )
    split, total = ratios["split_half"], ratios["tr_cov"]
    alive = [int(own.loc[own["checkpoint"] == end, "n"].sum()) for end in (first, last)]
    return [
        Finding(
            f"From {first} to {last} tokens (T = {t:g}, layer {layer}) the variance between "
            f"completions is multiplied by {split.value:.2f} ({said(split, study)}); tr Cov is by "
            f"{total.value:.2f}, {first / last:.2f} being what pooling more tokens alone would do; "
            f"{alive[0]} completions reach the first length and {alive[1]} the last.",
            **bounds(split), unit="split-half variance, last / first checkpoint",
            about=f"length at T={t:g}",
            control=f"tr Cov: {total.value:.2f}",
        )
    ]  # fmt: skip


def _impossible(frame: "pd.DataFrame", study: Configuration) -> list[Finding]:
    """A variance is not negative; where a split half is, its assumption does not hold."""
    known = frame[frame["split_half_high"].notna()]
    below = known["split_half_high"] < 0
    if not below.any():
        return []
    per_problem = below.groupby(known["problem"]).mean()
    share = over_problems(per_problem, study, within=(0, 1))
    worst = known["layer"][below].mode()[0]
    return [
        Finding(
            f"In {share.value:.0%} of the cells ({said(share, study)}), most often in layer "
            f"{worst}, the split half lies below 0 beyond its interval, which no variance can: "
            f"there the tokens' order repeats with the stride, and halves are not independent.",
            **bounds(share), unit="share of problem x T x checkpoint x layer",
            about="split halves below 0",
            control=f"{(1 - study.level) / 2:.1%} would be by chance if the truth were 0",
        )
    ]  # fmt: skip


def _only_total(here: Rows, last: int, hottest: float, study: Configuration) -> Finding:
    top = max(here, key=lambda row: row["tr_cov_relative"])
    return Finding(
        f"At T = {hottest:g}, {last} tokens in, tr Cov is largest in layer {top['layer']}: "
        f"{top['tr_cov_relative']:.3f} of mean |z|²; one pooled token per completion cannot tell "
        f"how much of it is tokens.",
        top["tr_cov_relative"], top["tr_cov_relative_low"], top["tr_cov_relative_high"],
        unit="tr Cov / mean |z|²", n=top["problems"], about=f"spread at T={hottest:g}",
        control="none: the stride leaves one token, so there are no halves",
    )  # fmt: skip
