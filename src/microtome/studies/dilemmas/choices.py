"""What the choices say: P(defect | state), what it hangs on, and how it differs from Base."""

from typing import TYPE_CHECKING, Any

from microtome.data.games import STATE_NAMES
from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.evidence import columns
from microtome.statistics import Interval, mean
from microtome.studies.dilemmas.claims import EXCHANGED, LEAST_PROBABILITY, measured
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


QUESTION = "choice"
SAME = 0.005
"""Difference in probability below which two frequencies are equal in practice."""
MUCH = 0.1
"""P(neither) above which an answer warns that the two actions are not the model's own."""


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
        f"{label} gives neither answer: P(neither) is {neither:.2f}.",
        neither, unit="P(neither)", n=len(own), about=label, question=QUESTION,
        detail="What it would choose is not stated.",
    )  # fmt: skip


def _choice(own: "pd.DataFrame", label: str, study: Configuration) -> Finding:
    states = ", ".join(
        f"{part['p_defect'].mean():.2f} after {state}"
        for state, part in own.groupby("state", sort=False)
    )
    chance = mean_over(own, "p_defect", study, within=(0, 1))
    neither = float(own["p_neither"].mean())
    warned = ", but it often gives neither answer" if neither > MUCH else ""
    why = f" P(neither) is {neither:.2f}: these are not its answers." if warned else ""
    evidence = measured(chance, "P(defect)", study, f"P(defect) is {states}.{why}", shape=".2f")
    return Finding(
        f"{label} defects with probability {chance.value:.2f} on average{warned}.",
        evidence, label, QUESTION,
    )  # fmt: skip


def _conditional(own: "pd.DataFrame", label: str, study: Configuration) -> list[Finding]:
    """Does the choice hang on what the opponent did last?"""
    theirs = own["state"].where(own["state"].isin(STATE_NAMES)).str[1]
    after_c, after_d = (own[theirs == move] for move in "CD")
    if after_c.empty or after_d.empty:
        return []
    change = unpaired(after_d, after_c, "p_defect", study)
    sizes = [frame["scenario"].nunique() for frame in (after_d, after_c)]
    evidence = measured(
        change, "P(D | opponent defected) − P(D | opponent cooperated)", study,
        f"This rests on {sizes[0]} against {sizes[1]} scenarios.{_same(change)}",
        "prompts in which the opponent cooperated", "+.3f",
    )  # fmt: skip
    when = "after the opponent defected than after it cooperated"
    moves = "the opponent's last moves exchanged at random between scenarios"
    return [_compared(label, when, change, evidence, moves)]


def _against_base(
    own: "pd.DataFrame", base: "pd.DataFrame", label: str, study: Configuration
) -> Finding:
    both = own.merge(base, on=["scenario", "variant"], suffixes=("", "_base"))
    gap = both.assign(change=both["p_defect"] - both["p_defect_base"])
    change = mean_over(gap, "change", study, within=(-1, 1))
    evidence = measured(
        change, "P(defect) − Base", study, _same(change).strip(), "Base on the same prompts",
        "+.3f",
    )  # fmt: skip
    return _compared(label, "than Base on the same prompts", change, evidence, EXCHANGED)


def _same(change: Interval) -> str:
    ends = change.ends or (1.0,)
    return f" The interval lies within ±{SAME:g}." if max(map(abs, ends)) < SAME else ""


def _compared(
    label: str, than: str, change: Interval, evidence: Evidence, false_in: str
) -> Finding:
    """The claim of a difference in P(defect); its direction only where it is supported."""
    size = f"the difference in probability is {round(change.value, 3) + 0.0:+.3f}"
    claim = Claim(
        p=change.p, least=LEAST_PROBABILITY, false_in=false_in,
        above=f"{label} defects more {than}: {size}.",
        below=f"{label} defects less {than}: {size}.",
    )  # fmt: skip
    return Finding(
        f"{label} is not shown to defect more or less {than}: {size}.",
        evidence, label, QUESTION, claim,
    )  # fmt: skip
