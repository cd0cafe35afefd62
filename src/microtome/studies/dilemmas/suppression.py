"""What one model writes for defection and another suppresses, and whether patching agrees.

    suppressed(c):  mean contribution > 0 in the source, and smaller in the receiver

Asked of pairs whose source leans more to defection: the interval of their mean gap is above 0.
Attribution sees what a component writes to the answer itself, patching all it causes. The control
asks whether the two agree: the mean patched effect of the suppressed components, against as many
random heads and MLPs. That is a claim about these prompts; whether it holds for scenarios in
general is the max-T test's to say.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Finding, Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.frames import groups

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]


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
    rows: Rows, study: Configuration, undecided: str, pairs: int
) -> list[Finding]:
    """One sentence per pair; `undecided` says why no component can be claimed, if none can."""
    import pandas as pd

    if not rows:
        nothing = "No receiver is shown to lean less to defection than its source"
        return [Finding.stated(f"{nothing}, so nothing is called suppressed.", n=pairs)]
    frame = pd.DataFrame(rows)
    return [_finding(part, study, undecided) for _, part in groups(frame, "pair")]


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


def agreement(part: "pd.DataFrame", study: Configuration) -> float:
    """p-value of the suppressed components' mean patched effect, against random ones."""
    rng = np.random.default_rng(study.seed)
    observed, drawn = 0.0, np.zeros(study.resamples)
    for _, alike in groups(part, "kind"):
        effects = alike["mean_delta_change"].to_numpy(float)
        count = int(alike["suppressed"].sum())
        observed += float(effects[alike["suppressed"].to_numpy(bool)].sum())
        shuffled = rng.permuted(np.tile(effects, (study.resamples, 1)), axis=1)
        drawn += shuffled[:, :count].sum(1)
    # Equal sums in another order differ by rounding; they count as reaching the observed one.
    reached = int((drawn >= observed - 1e-9 * abs(observed)).sum())
    return (reached + 1) / (study.resamples + 1)


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


def _finding(part: "pd.DataFrame", study: Configuration, undecided: str) -> Finding:
    down, alpha = part[part["suppressed"]], study.at.alpha
    pair = part["pair"].iloc[0]
    if down.empty:
        nothing = f"{pair}: no head or MLP that writes for defection is suppressed."
        return Finding.stated(nothing, n=len(part), about=f"{pair}, suppressed")
    sure = (
        f"{int(down['claimed'].sum())} of them at p < {alpha:.2g} ({part['test'].iloc[0]}, max-T)"
    )
    if undecided:
        sure = f"none of which this design can show: {undecided}"
    return Finding.stated(
        f"{pair}: on these prompts {len(down)} of {len(part)} heads and MLPs write for defection "
        f"in the source and less so in the receiver, {sure}; {int(down['restores'].sum())} of "
        f"them raise Δ when swapped back.{_shared(down)}",
        float(len(down)), unit="heads and MLPs", n=len(part), about=f"{pair}, suppressed",
        control=f"p = {agreement(part, study):.2g} that as many random heads and MLPs change Δ as "
        "much when swapped back, on these prompts",
    )  # fmt: skip
