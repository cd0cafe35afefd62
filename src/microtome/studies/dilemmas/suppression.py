"""What one model writes for defection and another suppresses, and whether patching agrees.

    suppressed(c):  mean contribution > 0 in the source, and smaller in the receiver

Attribution sees what a component writes to the answer itself, patching all it causes. The control
asks whether the two agree: the mean patched effect of the suppressed components, against as many
random heads and MLPs. That is a claim about these prompts; whether it holds for scenarios in
general is the sign-flip test's to say.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.study import Finding, Tables
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.effects import GAP_FLOOR
from microtome.studies.dilemmas.evidence import groups

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
    for pair in across[across["mean_gap"] > GAP_FLOOR].itertuples():
        written = _of(changes, pair.source, pair.target)
        both = written.merge(
            _of(effects, pair.source, pair.target)[_EFFECT],
            on="component",
        )
        found += [_row(row, study) for row in both.to_dict("records")]
    return sorted(found, key=lambda r: (list(across["pair"]).index(r["pair"]), r["difference"]))


def suppression_findings(rows: Rows, study: Configuration, floor: float) -> list[Finding]:
    """One sentence per pair; `floor` is the smallest p-value that flipping signs can reach."""
    import pandas as pd

    if not rows:
        return [Finding("No receiver leans less to defection than its source: nothing is "
                        "suppressed.")]  # fmt: skip
    frame = pd.DataFrame(rows)
    return [_finding(part, study, floor) for _, part in groups(frame, "pair")]


_EFFECT = ["component", "mean_delta_change", "normalised", "unrelated_rms", "p_random_component"]


def _of(frame: "pd.DataFrame", source: Any, target: Any) -> "pd.DataFrame":
    return frame[(frame["source"] == source) & (frame["target"] == target)]


def _row(row: dict[Any, Any], study: Configuration) -> dict[str, Any]:
    down = row["source_mean"] > 0 and row["difference"] < 0
    return {
        **{str(name): value for name, value in row.items()},
        "suppressed": down,
        "restores": down and row["mean_delta_change"] > 0,
        "claimed": down and row["p_max_t"] < 1 - study.level,
    }


def agreement(part: "pd.DataFrame", study: Configuration) -> float:
    """p-value of the suppressed components' mean patched effect, against random ones."""
    rng = np.random.default_rng(study.seed)
    observed, drawn = 0.0, np.zeros(study.resamples)
    for _, alike in groups(part, "kind"):
        effects = alike["mean_delta_change"].to_numpy(float)
        count = int(alike["suppressed"].sum())
        observed += float(effects[alike["suppressed"].to_numpy(bool)].sum())
        dealt = rng.permuted(np.tile(effects, (study.resamples, 1)), axis=1)
        drawn += dealt[:, :count].sum(1)
    # Equal sums in another order differ by rounding; they count as reaching the observed one.
    reached = int((drawn >= observed - 1e-9 * abs(observed)).sum())
    return (reached + 1) / (study.resamples + 1)


def _finding(part: "pd.DataFrame", study: Configuration, floor: float) -> Finding:
    down, alpha = part[part["suppressed"]], 1 - study.level
    pair = part["pair"].iloc[0]
    if down.empty:
        nothing = f"{pair}: no head or MLP that writes for defection is suppressed."
        return Finding(nothing, n=len(part), about=f"{pair}, suppressed")
    top = down.sort_values("difference").iloc[0]
    sure = f"{int(down['claimed'].sum())} of them at p < {alpha:.2g} (max-T)"
    if floor >= alpha:
        sure = f"none of which this design can show at {alpha:.0%}, as it reaches p = {floor:.2g}"
    return Finding(
        f"{pair}: {len(down)} of {len(part)} heads and MLPs write for defection in the source and "
        f"less so in the receiver, {sure}; {int(down['restores'].sum())} of them raise Δ when "
        f"swapped back. Most suppressed is {top['component']}, from {top['source_mean']:+.2f} to "
        f"{top['target_mean']:+.2f} logits; swapped back, it changes Δ by "
        f"{top['mean_delta_change']:+.2f}.",
        top["difference"], top["low"], top["high"], unit="logits", n=int(top["n"]),
        about=f"{pair}, suppressed",
        control=f"p = {agreement(part, study):.2g} that as many random heads and MLPs change Δ as "
        "much when swapped back, on these prompts",
    )  # fmt: skip
