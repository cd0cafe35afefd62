"""What the spread of completions shows: its largest layer, temperature, length."""

from typing import TYPE_CHECKING, Any

from microtome.errors import NumericsError
from microtome.lab import evidence
from microtome.lab.study import Finding, Tables
from microtome.statistics import HeldOut, Interval, held_out_maximum, mean, ratio
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import PROBLEMS, wide

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Rows = list[dict[str, Any]]


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
    return Finding.stated(
        f"No variance to show: {why}.", unit="split-half variance / mean |z|²",
        n=int(frame["problem"].nunique()), about="spread", control="none: nothing was measured",
    )  # fmt: skip


def _where(here: Rows, frame: "pd.DataFrame", greedy: bool, study: Configuration) -> Finding:
    top = max(here, key=lambda row: row["split_half_relative"])
    last, hottest, other = top["checkpoint"], top["temperature"], top["control_relative"]
    cells = frame[(frame["checkpoint"] == last) & (frame["temperature"] == hottest)]
    layers = [row["layer"] for row in here]
    spread, text = _largest(wide(cells, "split_half_relative", layers, "layer"), layers, study)
    cold = " T = 0 is one greedy completion, deterministic: it has no variance." if greedy else ""
    return Finding.stated(
        f"At T = {hottest:g}, {last} tokens in, {text}.{_top(top, spread)}{cold}",
        **evidence.bounds(spread), unit="split-half variance / mean |z|²",
        about=f"spread at T={hottest:g}, {last} tokens",
        control=f"halves of different completions: {other:+.4f}",
    )  # fmt: skip


def _top(row: dict[str, Any], spread: Interval) -> str:
    """The largest layer on all problems, named only where the held-out one is shown to vary."""
    if spread.ends is None or spread.ends[0] <= 0:
        return ""
    return (
        f" In layer {row['layer']}, the largest on all problems, the split half is "
        f"{row['split_half_relative']:.3f} and tr Cov {row['tr_cov_relative']:.3f} of mean |z|²; "
        f"the difference is token noise."
    )


def _largest(table: "np.ndarray", layers: list[int], study: Configuration) -> tuple[Interval, str]:
    """The largest layer's variance on held-out problems, and what may be claimed of it."""
    if len(table) < 2:
        spread = mean(table.max(1), at=study.at)
        found = f"{spread.value:.3f} of mean |z|² ({_ends(spread)})"
        return spread, f"the largest variance between completions is {found}"
    held = held_out_maximum(table, study.at)
    spread = held.interval
    found = f"{spread.value:.3f} of mean |z|² on held-out problems ({_ends(spread)})"
    if spread.ends is None:
        return spread, f"the variance between completions in the largest layer is {found}"
    if spread.ends[0] <= 0:
        return spread, f"no layer is shown to vary between completions: the largest has {found}"
    return spread, f"{_chosen(held, layers)}: {found}"


def _chosen(held: HeldOut, layers: list[int]) -> str:
    one, other = (layers[i] for i in held.chosen)
    if one == other:
        return f"completions of one problem differ most in layer {one}"
    return (
        f"completions of one problem differ, in which layer most is open (halves of the problems "
        f"choose {one} and {other})"
    )


def _ends(interval: Interval, shape: str = ".3f") -> str:
    return evidence.worded(interval, PROBLEMS, shape)


def _hotter(own: "pd.DataFrame", layer: int, last: int, study: Configuration) -> list[Finding]:
    """The hottest temperature against the coolest above 0, problem by problem."""
    temperatures = sorted(set(own["temperature"]))
    if len(temperatures) < 2:
        return []
    low, high = temperatures[0], temperatures[-1]
    pairs = own.pivot_table(index="problem", columns="temperature", values="split_half").dropna()
    if len(pairs) < 2:
        return []
    change = mean(pairs[high] - pairs[low], list(pairs.index), study.at)
    word = evidence.direction(change, "rises", "falls", "is not shown to change")
    factor = _ratio(pairs[high], pairs[low], study)
    return [
        Finding.stated(
            f"From T = {low:g} to {high:g} the variance between completions {word} (layer {layer}, "
            f"{last} tokens): {change.value:+.3g} ({_ends(change, '+.3g')}); a "
            f"change by {_factor(factor)}.",
            **evidence.bounds(change), unit="split-half variance",
            about=f"T={high:g} against T={low:g}",
            control="no control: the same problems at both temperatures",
        )
    ]  # fmt: skip


def _ratio(top: "pd.Series", bottom: "pd.Series", study: Configuration) -> Interval | None:
    """Σ top / Σ bottom over problems; None where the bottoms cancel."""
    try:
        return ratio(top, bottom, list(top.index), study.at)
    except NumericsError:
        return None


def _factor(found: Interval | None) -> str:
    """A ratio with its interval; no number where its denominator may be 0."""
    if found is None or found.method == "fieller refused":
        return "no known factor (the first variance may be 0)"
    return f"a factor of {found.value:.2f} ({_ends(found, '.2f')})"


def _longer(own: "pd.DataFrame", layer: int, t: float, study: Configuration) -> list[Finding]:
    """How both variances change from the first checkpoint to the last."""
    checkpoints = sorted(set(own["checkpoint"]))
    if len(checkpoints) < 2:
        return []
    first, last = checkpoints[0], checkpoints[-1]
    tables = {
        name: own.pivot_table(index="problem", columns="checkpoint", values=name).dropna()
        for name in ("split_half", "tr_cov")
    }
    if len(tables["split_half"]) < 2:
        return []
    split, total = (_ratio(one[last], one[first], study) for one in tables.values())
    alive = [int(own.loc[own["checkpoint"] == end, "n"].sum()) for end in (first, last)]
    shown = split is not None and split.method != "fieller refused"
    return [
        Finding.stated(
            f"From {first} to {last} tokens (T = {t:g}, layer {layer}) the variance between "
            f"completions changes by {_factor(split)}; tr Cov by {_factor(total)}, where pooling "
            f"more tokens alone gives {first / last:.2f}. {alive[0]} completions reach the first "
            f"length and {alive[1]} the last.",
            **(evidence.bounds(split) if split is not None and shown else {}),
            unit="split-half variance, last / first checkpoint", about=f"length at T={t:g}",
            control=f"tr Cov: {_factor(total)}",
        )
    ]  # fmt: skip


def _impossible(frame: "pd.DataFrame", study: Configuration) -> list[Finding]:
    """A variance is not negative; where more split halves are than by chance, they depend."""
    known = frame[frame["split_half_high"].notna()]
    known = known.assign(below=known["split_half_high"] < 0)
    if not known["below"].any():
        return []
    share = evidence.share(known, "below", by="problem", at=study.at)
    chance = (1 - study.level) / 2
    return [
        Finding.stated(
            f"In {share.value:.1%} of the cells ({_ends(share, '.3f')}) the split half is "
            "significantly negative, which a variance cannot be: "
            f"{_dependent(known, share, chance)}.",
            **evidence.bounds(share), unit="share of problem x T x checkpoint x layer",
            about="split halves below 0",
            control=f"{chance:.1%} by chance if the truth were 0",
        )
    ]  # fmt: skip


def _dependent(known: "pd.DataFrame", share: Interval, chance: float) -> str:
    """Whether that many negative split halves show that the halves are not independent."""
    if share.value <= chance:
        return f"no more than the {chance:.1%} by chance if the truth were 0"
    if not share.excludes(chance):
        return f"not shown to be more than the {chance:.1%} by chance if the truth were 0"
    worst = known["layer"][known["below"]].mode()[0]
    return (
        f"more than the {chance:.1%} by chance, most often in layer {worst}; there the tokens' "
        f"order repeats with the stride and the halves are not independent"
    )


def _only_total(here: Rows, last: int, hottest: float, study: Configuration) -> Finding:
    """tr Cov alone; no layer is compared, since the noise of tokens cannot be taken off."""
    top = here[study.layer_among([row["layer"] for row in here])]
    return Finding.stated(
        f"At T = {hottest:g}, {last} tokens in, tr Cov in layer {top['layer']} is "
        f"{top['tr_cov_relative']:.3f} of mean |z|²; with one pooled token per completion the "
        f"share of token noise in it is unknown.",
        top["tr_cov_relative"], top["tr_cov_relative_low"], top["tr_cov_relative_high"],
        unit="tr Cov / mean |z|²", n=top["problems"], about=f"spread at T={hottest:g}",
        control="none: the stride leaves one token, so there are no halves",
    )  # fmt: skip
