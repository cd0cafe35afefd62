"""How the variance between completions changes with temperature and length, problem by problem."""

from typing import TYPE_CHECKING

from microtome.errors import NumericsError
from microtome.lab import evidence
from microtome.lab.claims import Claim, Evidence
from microtome.lab.study import Finding
from microtome.statistics import Interval, mean, ratio
from microtome.studies.sampling import effects
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.frames import PROBLEMS, evidence_of

if TYPE_CHECKING:
    import pandas as pd

QUESTION = "spread"
_REFUSED = "fieller refused"


def hotter(own: "pd.DataFrame", layer: int, last: int, study: Configuration) -> list[Finding]:
    """The hottest temperature against the coolest above 0."""
    temperatures = sorted(set(own["temperature"]))
    if len(temperatures) < 2:
        return []
    low, high = temperatures[0], temperatures[-1]
    pairs = own.pivot_table(index="problem", columns="temperature", values="split_half").dropna()
    if len(pairs) < 2:
        return []
    change = mean(pairs[high] - pairs[low], list(pairs.index), study.at)
    place = f"From T = {low:g} to {high:g} the variance between completions"
    size = f"{change.value:+.3g} (layer {layer})"
    detail = (
        f"At {last} tokens; a change by {_factor(_ratio(pairs[high], pairs[low], study))}. The "
        f"layer is chosen beforehand."
    )
    claim = Claim(
        p=change.p, least=effects.part_of(float(pairs[low].mean())),
        above=f"{place} rises: {size}.", below=f"{place} falls: {size}.",
        false_in="the two temperatures of a problem exchanged at random",
    )  # fmt: skip
    proof = evidence_of(
        change, "split-half variance", "no control: the same problems at both temperatures",
        detail, "+.3g",
    )  # fmt: skip
    answer = f"{place} is not shown to change: {size}."
    return [Finding(answer, proof, f"T={high:g} against T={low:g}", QUESTION, claim)]


def longer(own: "pd.DataFrame", layer: int, t: float, study: Configuration) -> list[Finding]:
    """The last checkpoint against the first, as a factor of both variances."""
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
    control = f"tr Cov: {_factor(total)}; pooling more tokens alone gives {first / last:.2f}"
    detail = (
        f"T = {t:g}, a layer that is chosen beforehand; {alive[0]} completions reach the first "
        f"length and {alive[1]} the last."
    )
    place = f"From {first} to {last} tokens (layer {layer}) the variance between completions"
    proof = _factored(split, len(tables["split_half"]), control, detail)
    return [_changed(place, split, proof, f"length at T={t:g}")]


def _changed(place: str, factor: Interval | None, proof: Evidence, about: str) -> Finding:
    """The claim that a factor is not 1; without a number where its denominator may be 0."""
    if factor is None or proof.value is None:
        answer = f"{place} changes by an unknown factor: the first may be 0."
        return Finding(answer, proof, about, QUESTION, Claim(p=None, least=effects.CHANGE, null=1))
    claim = Claim(
        p=factor.p, least=effects.CHANGE, null=1.0,
        above=f"{place} grows to {factor.value:.2f} times its size.",
        below=f"{place} falls to {factor.value:.2f} times its size.",
        false_in="the two lengths of a problem exchanged at random",
    )  # fmt: skip
    answer = f"{place} is not shown to change: {factor.value:.2f} times its size."
    return Finding(answer, proof, about, QUESTION, claim)


def _factored(factor: Interval | None, problems: int, control: str, detail: str) -> Evidence:
    """A ratio as evidence; no number where its denominator may be 0."""
    unit = "split-half variance, last / first checkpoint"
    if factor is not None and factor.method != _REFUSED:
        return evidence_of(factor, unit, control, detail)
    return Evidence(
        unit=unit, n=problems, control=control,
        detail=f"There is {_factor(factor)}. {detail}",
    )  # fmt: skip


def _ratio(top: "pd.Series", bottom: "pd.Series", study: Configuration) -> Interval | None:
    """Σ top / Σ bottom over problems; None where the bottoms cancel."""
    try:
        return ratio(top, bottom, list(top.index), study.at)
    except NumericsError:
        return None


def _factor(found: Interval | None) -> str:
    """A ratio with its interval; no number where its denominator may be 0."""
    if found is None or found.method == _REFUSED:
        return "no known factor (the first variance may be 0)"
    return f"a factor of {found.value:.2f} ({evidence.worded(found, PROBLEMS)})"
