"""What the choices say: P(defect | state), what it hangs on, and how it differs from Base."""

from typing import TYPE_CHECKING, Any

from microtome.data.games import STATE_NAMES
from microtome.lab.study import Finding
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.evidence import (
    bounds,
    difference_of,
    groups,
    mean_of,
    over_wordings,
    present,
    said,
)
from microtome.studies.dilemmas.players import BASE

if TYPE_CHECKING:
    import pandas as pd

SAME = 0.005
"""A difference in probability that two decimals do not show."""


def by_state(frame: "pd.DataFrame", study: Configuration) -> list[dict[str, Any]]:
    """P(defect | state) per model, its interval over the wordings of that state."""
    found = []
    compared = present(frame, study)
    for (name, state), part in groups(frame, "model", "state"):
        defect, low, high = over_wordings(part["p_defect"].tolist(), study)
        either = part["p_defect"] + part["p_cooperate"]
        found.append(
            {
                "model": name,
                "label": compared[name].label,
                "state": state,
                "p_defect": defect,
                "low": low,
                "high": high,
                "p_cooperate": float(part["p_cooperate"].mean()),
                "p_neither": float(part["p_neither"].mean()),
                "p_defect_of_both": float((part["p_defect"] / either).mean()),
                "p_common_prefix": float(part["p_common_prefix"].mean()),
                "n": len(part),
            }
        )
    return found


MUCH = 0.1
"""P(neither) above which the two answers say little about what a model would say."""


def findings_of(frame: "pd.DataFrame", name: str, study: Configuration) -> list[Finding]:
    label = present(frame, study)[name].label
    own = frame[frame["model"] == name]
    states = ", ".join(
        f"{part['p_defect'].mean():.2f} after {state}"
        for state, part in own.groupby("state", sort=False)
    )
    mean = mean_of(own, "p_defect", study, within=(0, 1))
    neither = float(own["p_neither"].mean())
    warned = (
        f" It gives neither answer with probability {neither:.2f}: these are not its answers."
        if neither > MUCH
        else ""
    )
    first = Finding(
        f"{label} defects with probability {states}; mean {mean.value:.2f} "
        f"({said(mean, study)}).{warned}",
        mean.value, **bounds(mean), unit="P(defect)", n=mean.n, about=label,
    )  # fmt: skip
    return [first, *_conditional(own, label, study), *_against_base(frame, own, name, study)]


def _conditional(own: "pd.DataFrame", label: str, study: Configuration) -> list[Finding]:
    """Does the choice hang on what the opponent did last?"""
    theirs = own["state"].where(own["state"].isin(STATE_NAMES)).str[1]
    after_c, after_d = (own["p_defect"][theirs == move].tolist() for move in "CD")
    if len(after_c) == 0 or len(after_d) == 0:
        return []
    change, low, high = difference_of(after_d, after_c, study)
    if abs(change) < SAME:
        said_so = f"{label} defects as often after the opponent defected as after it cooperated."
    else:
        more = "more" if change > 0 else "less"
        said_so = (
            f"{label} defects {more} after the opponent defected than after it cooperated, by "
            f"{abs(change):.2f} in probability."
        )
    return [
        Finding(
            said_so,
            change, low, high, unit="P(D | opponent defected) − P(D | opponent cooperated)",
            n=len(after_c) + len(after_d), about=label,
            control="wordings in which the opponent cooperated",
        )
    ]  # fmt: skip


def _against_base(
    frame: "pd.DataFrame", own: "pd.DataFrame", name: str, study: Configuration
) -> list[Finding]:
    label = present(frame, study)[name].label
    if name == BASE or BASE not in present(frame, study):
        return []
    keys = ["scenario", "variant"]
    both = own.merge(frame[frame["model"] == BASE], on=keys, suffixes=("", "_base"))
    gap = both.assign(change=both["p_defect"] - both["p_defect_base"])
    change = mean_of(gap, "change", study, within=(-1, 1))
    less = "more" if change.value > 0 else "less"
    return [
        Finding(
            f"{label} defects {less} than Base on the same prompts, by {abs(change.value):.2f} "
            f"in probability ({said(change, study)}).",
            change.value, **bounds(change), unit="P(defect) − Base", n=change.n,
            control="Base on the same prompts", about=label,
        )
    ]  # fmt: skip
