"""Effects of patched components over prompts: means, ratios of means, ranks, consistency.

The normalised effect is a ratio of means over prompts, with the gap between the two models below:
an average of per-prompt ratios has no finite mean. Two tests per component, both corrected by
max-T over all components of a pair: sign flips over clusters (is the mean effect zero?), whose
smallest p-value is stated, and random components of the same kind (is it larger than theirs?).
"""

from typing import TYPE_CHECKING, Any

from microtome.statistics import sign_flip
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.evidence import (
    FLIPS,
    bounds,
    clusters,
    groups,
    mean_of,
    ratio_of,
    smallest_p,
)
from microtome.studies.dilemmas.players import players
from microtome.studies.dilemmas.randomness import random_component

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
GAP_FLOOR = 0.1
"""Logits below which the mean gap of two models is too small to divide by."""
RANKED = 30
_PAIR = ["source", "target"]
_PLACE = ["scenario", "variant"]


def title(source: str, target: str) -> str:
    """ "Strategic → Deontological"."""
    both = players([source, target])
    return f"{both[source].label} → {both[target].label}"


def summarised(results: "pd.DataFrame", study: Configuration) -> Rows:
    """Mean effect of every component per pair: change of Δ, share of the gap, tests."""
    found: Rows = []
    for _, pair in groups(results, *_PAIR):
        flips, chance = _tests(pair, study)
        for (name,), part in groups(pair, "component"):
            tested = {"p_max_t": flips.get(name), "p_random_component": chance.get(name)}
            found.append({**_effect(part, study), **tested})
    return found


def _effect(part: "pd.DataFrame", study: Configuration) -> dict[str, Any]:
    first = part.iloc[0]
    change = mean_of(part, "delta_change", study)
    with_gap = part.assign(gap=part["donor_delta"] - part["baseline_delta"])
    row = {
        **{name: first[name] for name in (*_PAIR, "component", "kind")},
        "pair": title(first["source"], first["target"]),
        "layer": int(first["layer"]),
        "mean_delta_change": change.value,
        **bounds(change),
        "std_delta_change": float(part["delta_change"].std(ddof=0)),
        "mean_effect": float(part["effect"].mean()),
        "unrelated_rms": float((part["unrelated_rms"] ** 2).mean() ** 0.5),
        "normalised": None,
        "normalised_low": None,
        "normalised_high": None,
        "flips": int(part["action_flipped"].sum()),
        "n": change.n,
    }
    if abs(with_gap["gap"].mean()) >= GAP_FLOOR:
        share = ratio_of(with_gap, "delta_change", "gap", study)
        row |= {"normalised": share.value, **bounds(share, "normalised_low", "normalised_high")}
    return row


def _tests(pair: "pd.DataFrame", study: Configuration) -> tuple[dict[str, float], dict[str, float]]:
    """Both p-values of every head, attention and MLP of one pair."""
    parts = pair[pair["kind"] != "resid"]
    wide = parts.pivot_table(index=_PLACE, columns="component", values="delta_change", sort=False)
    kinds = parts.drop_duplicates("component").set_index("component")["kind"]
    families = clusters(wide.index.to_frame(index=False), study)
    values = wide.to_numpy()
    flips = sign_flip(values, families, resamples=FLIPS, seed=study.seed)
    labels = [str(kinds[name]) for name in wide.columns]
    chance = random_component(values, labels, families, study.resamples, study.seed)
    names = [str(name) for name in wide.columns]
    return dict(zip(names, flips.tolist(), strict=True)), dict(
        zip(names, chance.tolist(), strict=True)
    )


def ranked(summary: Rows) -> Rows:
    """The components of largest mean effect per pair, residual stream aside."""
    found: Rows = []
    for pair in dict.fromkeys(row["pair"] for row in summary):
        own = [row for row in summary if row["pair"] == pair and row["kind"] != "resid"]
        own.sort(key=lambda row: -abs(row["mean_delta_change"]))
        found += [{"rank": rank, **row} for rank, row in enumerate(own[:RANKED], start=1)]
    return found


def consistency(results: "pd.DataFrame") -> Rows:
    """How often each component flips the action: over prompts, and over scenarios.

    A component flips a scenario when it flips more than half of its wordings.
    """
    found: Rows = []
    for (source, target, component), part in groups(results, *_PAIR, "component"):
        shares = part.groupby("scenario", sort=False)["action_flipped"].mean()
        found.append(
            {
                "source": source,
                "target": target,
                "pair": title(source, target),
                "component": component,
                "kind": part["kind"].iloc[0],
                "layer": int(part["layer"].iloc[0]),
                "prompts_flipped": int(part["action_flipped"].sum()),
                "n_prompts": len(part),
                "scenarios_flipped": int((shares > 0.5).sum()),
                "n_scenarios": len(shares),
                "consistency": float((shares > 0.5).mean()),
            }
        )
    return found


def across_pairs(results: "pd.DataFrame", summary: Rows, study: Configuration) -> Rows:
    """One line per pair: the gap, the strongest component, how many stand out, the control."""
    found: Rows = []
    for (source, target), pair in groups(results, *_PAIR):
        own = [r for r in summary if (r["source"], r["target"]) == (source, target)]
        parts = [row for row in own if row["kind"] != "resid"]
        found.append(
            {
                "source": source,
                "target": target,
                "pair": title(source, target),
                **_gap(pair, study),
                **_strongest(parts),
                "n_components": len(parts),
                "n_claimed": sum(row["p_random_component"] < 1 - study.level for row in parts),
                "n_nonzero": sum(row["p_max_t"] < 1 - study.level for row in parts),
                "n_flipping": sum(row["flips"] > 0 for row in parts),
                "sum_of_singles": _sum_of_singles(parts),
                "unrelated_ratio": _unrelated_ratio(pair),
            }
        )
    return found


def _gap(pair: "pd.DataFrame", study: Configuration) -> dict[str, Any]:
    prompts = pair.drop_duplicates(_PLACE)
    prompts = prompts.assign(gap=prompts["donor_delta"] - prompts["baseline_delta"])
    gap = mean_of(prompts, "gap", study)
    differ = (prompts["donor_delta"] > 0) != (prompts["baseline_delta"] > 0)
    return {
        "n_prompts": gap.n,
        "mean_gap": gap.value,
        **bounds(gap, "gap_low", "gap_high"),
        "actions_differ": int(differ.sum()),
        "smallest_p": smallest_p(gap.clusters),
    }


def _strongest(parts: Rows) -> dict[str, Any]:
    top = max(parts, key=lambda row: abs(row["mean_delta_change"]))
    return {
        "top_component": top["component"],
        "top_change": top["mean_delta_change"],
        "top_low": top["low"],
        "top_high": top["high"],
        "top_normalised": top["normalised"],
        "top_unrelated": top["unrelated_rms"],
    }


def _sum_of_singles(parts: Rows) -> float | None:
    """Shares of the gap summed over heads and MLPs: 1 if components acted independently."""
    shares = [row["normalised"] for row in parts if row["kind"] in ("head", "mlp")]
    return None if None in shares else float(sum(shares))


def _unrelated_ratio(pair: "pd.DataFrame") -> float:
    """Median change along unrelated tokens over median |change of Δ|, over components."""
    parts = pair[pair["kind"] != "resid"]
    own = float(parts["delta_change"].abs().median())
    return float(parts["unrelated_rms"].median()) / own if own > 0 else 0.0
