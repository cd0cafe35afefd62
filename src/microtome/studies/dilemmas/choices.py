"""What the choices say: P(defect | state), what it hangs on, and how it differs from Base."""

from typing import TYPE_CHECKING, Any

from microtome.data.games import STATE_NAMES
from microtome.lab.evidence import columns, direction, worded
from microtome.lab.study import Finding
from microtome.statistics import Interval, mean
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import mean_over, unpaired
from microtome.studies.dilemmas.frames import groups, present
from microtome.studies.dilemmas.players import BASE

if TYPE_CHECKING:
    import pandas as pd


def by_state(frame: "pd.DataFrame", study: Configuration) -> list[dict[str, Any]]:
    """P(defect | state) per model, its interval over the wordings of that state's scenarios."""
    found = []
    compared = present(frame, study)
    for (name, state), part in groups(frame, "model", "state"):
        defect = mean(part["p_defect"], at=study.at, within=(0, 1), strata=list(part["scenario"]))
        either = part["p_defect"] + part["p_cooperate"]
        found.append(
            {
                "model": name,
                "label": compared[name].label,
                "state": state,
                "p_defect": defect.value,
                **columns(defect),
                "p_cooperate": float(part["p_cooperate"].mean()),
                "p_neither": float(part["p_neither"].mean()),
                "p_defect_of_both": float((part["p_defect"] / either).mean()),
                "p_common_prefix": float(part["p_common_prefix"].mean()),
            }
        )
    return found


SAME = 0.005
"""Difference in probability below which two frequencies are called equal."""
MUCH = 0.1
"""P(neither) above which a sentence warns that the two answers are not the model's own."""


def silent(frame: "pd.DataFrame", study: Configuration) -> bool:
    """Whether a model gives neither answer too often to state what it chooses."""
    return float(frame["p_neither"].mean()) > study.silent_above


def findings_of(frame: "pd.DataFrame", name: str, study: Configuration) -> list[Finding]:
    """What one model chooses, what that depends on, and how it differs from Base."""
    label = present(frame, study)[name].label
    own = frame[frame["model"] == name]
    if silent(own, study):
        return [_silence(own, label)]
    found = [_choice(own, label, study), *_conditional(own, label, study)]
    base = frame[frame["model"] == BASE]
    if name == BASE or base.empty or silent(base, study):
        return found
    return [*found, _against_base(own, base, label, study)]


def _silence(own: "pd.DataFrame", label: str) -> Finding:
    neither = float(own["p_neither"].mean())
    return Finding.stated(
        f"{label} gives neither answer: P(neither) is {neither:.2f} over {len(own)} prompts. What "
        f"it would choose is not stated.",
        neither, unit="P(neither)", n=len(own), about=label,
    )  # fmt: skip


def _choice(own: "pd.DataFrame", label: str, study: Configuration) -> Finding:
    states = ", ".join(
        f"{part['p_defect'].mean():.2f} after {state}"
        for state, part in own.groupby("state", sort=False)
    )
    chance = mean_over(own, "p_defect", study, within=(0, 1))
    neither = float(own["p_neither"].mean())
    warned = (
        f" It gives neither answer with probability {neither:.2f}: these are not its answers."
        if neither > MUCH
        else ""
    )
    return Finding.stated(
        f"{label} defects with probability {states}; mean {chance.value:.2f} "
        f"({worded(chance, study.resample)}).{warned}",
        chance.value, chance.low, chance.high, unit="P(defect)", n=chance.n, about=label,
    )  # fmt: skip


def _conditional(own: "pd.DataFrame", label: str, study: Configuration) -> list[Finding]:
    """Does the choice hang on what the opponent did last?"""
    theirs = own["state"].where(own["state"].isin(STATE_NAMES)).str[1]
    after_c, after_d = (own[theirs == move] for move in "CD")
    if after_c.empty or after_d.empty:
        return []
    change = unpaired(after_d, after_c, "p_defect", study)
    said = _compared(label, "after the opponent defected", "after it cooperated", change, study)
    sizes = [frame["scenario"].nunique() for frame in (after_d, after_c)]
    return [
        Finding.stated(
            f"{said} This rests on {sizes[0]} against {sizes[1]} scenarios.",
            change.value, change.low, change.high,
            unit="P(D | opponent defected) − P(D | opponent cooperated)", n=change.n, about=label,
            control="prompts in which the opponent cooperated",
        )
    ]  # fmt: skip


def _against_base(
    own: "pd.DataFrame", base: "pd.DataFrame", label: str, study: Configuration
) -> Finding:
    both = own.merge(base, on=["scenario", "variant"], suffixes=("", "_base"))
    gap = both.assign(change=both["p_defect"] - both["p_defect_base"])
    change = mean_over(gap, "change", study, within=(-1, 1))
    return Finding.stated(
        _compared(label, "", "Base on the same prompts", change, study),
        change.value, change.low, change.high, unit="P(defect) − Base", n=change.n,
        control="Base on the same prompts", about=label,
    )  # fmt: skip


def _compared(label: str, when: str, other: str, change: Interval, study: Configuration) -> str:
    """A sentence with a direction where the interval leaves 0 out, and only there."""
    then = f" {when}" if when else ""
    how = direction(
        change,
        f"{label} defects more{then} than {other}",
        f"{label} defects less{then} than {other}",
        f"{label} is not shown to defect more or less{then} than {other}",
    )
    if max(map(abs, change.ends or (1.0,))) < SAME:
        how = f"{label} defects as often{then} as {other}"
    evidence = worded(change, study.resample, "+.3f")
    return f"{how}: the difference in probability is {change.value:+.3f} ({evidence})."
