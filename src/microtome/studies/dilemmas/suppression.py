"""What one model writes for defection and another suppresses, and whether patching agrees.

    suppressed(c):  mean contribution > 0 in the source, and smaller in the receiver

Asked of pairs whose source leans more to defection: the interval of their mean gap is above 0.
Attribution sees what a component writes to the answer itself, patching all it causes. The claim is
that the two agree: put back, suppressed components raise Δ more than random ones (`agreement.py`).
"""

from typing import TYPE_CHECKING, Any

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.study import Tables
from microtome.studies.dilemmas.agreement import Agreement, agreement
from microtome.studies.dilemmas.claims import LEAST_LOGITS, measured, undesigned
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.contributions import RANKED, changes_of
from microtome.studies.dilemmas.effects import parts_of
from microtome.studies.dilemmas.frames import groups

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
QUESTION = "suppressed"
_RANDOM = "heads and MLPs exchanged at random among those of their kind"


def suppressed(tables: Tables, study: Configuration) -> Rows:
    """Heads and MLPs of every pair whose source leans more to defection than its receiver."""
    changes, effects = tables["attribution_differences"], tables["patching_summary"]
    if changes.empty:
        return []
    found: Rows = []
    across = tables["cross_experiment_summary"]
    for pair in across[across["gap_low"].astype(float) > 0].itertuples():
        written = _of(changes, pair.source, pair.target)
        both = written.merge(
            _of(effects, pair.source, pair.target)[_EFFECT],
            on="component",
        )
        found += [_row(row, study) for row in both.to_dict("records")]
    return sorted(found, key=lambda r: (list(across["pair"]).index(r["pair"]), r["difference"]))


def suppression_findings(
    rows: Rows, tables: Tables, study: Configuration, undecided: str
) -> list[Finding]:
    """One answer per pair; `undecided` says why no component can be claimed, if none can."""
    import pandas as pd

    if not rows:
        nothing = "No pair's gap has an interval above 0, so nothing is called suppressed."
        pairs = len(tables["cross_experiment_summary"])
        return [Finding.stated(nothing, n=pairs, about="suppressed", question=QUESTION)]
    found = []
    for _, part in groups(pd.DataFrame(rows), "pair"):
        source, target = part["source"].iloc[0], part["target"].iloc[0]
        written = changes_of(tables["attribution_full"], source, target)
        patched = parts_of(_of(tables["patching_results"], source, target))
        patched = patched[patched["kind"].isin(RANKED)]
        found.append(pair_finding(part, agreement(written, patched, study), study, undecided))
    return found


_EFFECT = ["component", "mean_delta_change", "normalised", "unrelated_rms"]


def _of(frame: "pd.DataFrame", source: Any, target: Any) -> "pd.DataFrame":
    return frame[(frame["source"] == source) & (frame["target"] == target)]


def _row(row: dict[Any, Any], study: Configuration) -> dict[str, Any]:
    down = row["source_mean"] > 0 and row["difference"] < 0
    p = row["p_max_t"]
    return {
        **{str(name): value for name, value in row.items()},
        "suppressed": down,
        "restores": down and row["mean_delta_change"] > 0,
        "claimed": down and p is not None and p < study.at.alpha,
    }


def _shared(down: "pd.DataFrame") -> str:
    """How many of those that raise Δ move unrelated tokens as much."""
    raising = down[down["restores"]]
    shared = int((raising["unrelated_rms"] >= raising["mean_delta_change"]).sum())
    if not shared:
        return ""
    return (
        f" Swapping {shared} of these back moves unrelated tokens apart as much or more: that is "
        f"not specific to the two answers."
    )


def pair_finding(
    part: "pd.DataFrame", agreed: Agreement | None, study: Configuration, undecided: str
) -> Finding:
    """The claim of one pair: what is suppressed raises Δ more than random components."""
    down, pair = part[part["suppressed"]], part["pair"].iloc[0]
    about, unit = f"{pair}, suppressed", "Δ logit per component beyond random ones"
    if down.empty:
        nothing = f"{pair}: no head or MLP writes for defection, and less so in the receiver."
        return Finding.stated(nothing, n=len(part), about=about, question=QUESTION)
    detail = _counts(part, down, study, undecided)
    if agreed is None:
        few = f"{pair}: too few scenarios to choose suppressed components on one half alone."
        evidence = Evidence(unit=unit, n=len(part), detail=detail)
        return Finding(few, evidence, about, QUESTION, undesigned(LEAST_LOGITS, _RANDOM))
    size = f"{agreed.size.value:+.2f} logits each"
    claim = Claim(
        p=agreed.p, floor=agreed.floor, least=LEAST_LOGITS, side=1, false_in=_RANDOM,
        above=f"{pair}: put back, suppressed components raise Δ more than random ones: {size}.",
    )  # fmt: skip
    control = "as many random heads and MLPs put back; chosen and measured on different prompts"
    return Finding(
        f"{pair}: that suppressed components, put back, change Δ beyond random ones is not "
        f"shown: {size}.",
        measured(agreed.size, unit, study, detail, control), about, QUESTION, claim,
    )  # fmt: skip


def _counts(
    part: "pd.DataFrame", down: "pd.DataFrame", study: Configuration, undecided: str
) -> str:
    sure = (
        f"{int(down['claimed'].sum())} of them at p < {study.at.alpha:.2g} "
        f"({part['test'].iloc[0]}, max-T)"
    )
    if undecided:
        sure = f"which of them this design cannot decide ({undecided})"
    return (
        f"On all prompts {len(down)} of {len(part)} heads and MLPs write for defection in the "
        f"source and less so in the receiver, {sure}; {int(down['restores'].sum())} of them raise "
        f"Δ when put back.{_shared(down)}"
    )
