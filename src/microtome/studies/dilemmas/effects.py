"""Effects of patched components over prompts: means, shares of the gap, tests, ranks.

    share(c) = Σ sign(gap)·effect / Σ|gap|        gap = Δ(source) − Δ(receiver) of each prompt

Each prompt's effect counts towards its source, so that gaps of both signs do not cancel; an
average of per-prompt ratios has no finite mean. One test over all components of a pair, corrected
by max-T, asks whether a component moves Δ towards the source at all. A rank among the other
components of its kind is tested for components named beforehand only.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from microtome.lab.evidence import columns
from microtome.statistics import rank_among_peers
from microtome.studies.dilemmas.clear import clear
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import (
    by_component,
    mean_over,
    p_values,
    share_of_gap,
    small_gaps,
    tested,
)
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.players import players

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]
RANKED = 30
PAIR = ["source", "target"]


def title(source: str, target: str) -> str:
    """ "Strategic → Deontological"."""
    both = players([source, target])
    return f"{both[source].label} → {both[target].label}"


def towards(results: "pd.DataFrame") -> "pd.DataFrame":
    """The patches with each prompt's `gap`, and the change of Δ `towards` the source."""
    gap = results["donor_delta"] - results["baseline_delta"]
    return results.assign(gap=gap, towards=np.sign(gap) * results["delta_change"])


def parts_of(pair: "pd.DataFrame") -> "pd.DataFrame":
    """Heads, attentions and MLPs: the residual stream is a reference and no part."""
    return pair[pair["kind"] != "resid"]


def summarised(results: "pd.DataFrame", study: Configuration) -> Rows:
    """Mean effect of every component per pair: change of Δ, share of the gap, tests."""
    found: Rows = []
    for _, pair in groups(towards(results), *PAIR):
        wide = by_component(parts_of(pair), "towards")
        test = tested(wide, study)
        p = dict(zip(wide.columns, p_values(test), strict=True))
        ranks = peer_ranks(pair, study)
        for (name,), part in groups(pair, "component"):
            known = {"p_max_t": p.get(name), "test": test.test, **ranks.get(name, _UNRANKED)}
            found.append({**_effect(part, study), **known})
    return found


def _effect(part: "pd.DataFrame", study: Configuration) -> dict[str, Any]:
    first = part.iloc[0]
    change, toward = (mean_over(part, name, study) for name in ("delta_change", "towards"))
    share = share_of_gap(part, "delta_change", "gap", study)
    none = dict.fromkeys(("normalised", "normalised_low", "normalised_high"))
    return {
        **{name: first[name] for name in (*PAIR, "component", "kind")},
        "pair": title(first["source"], first["target"]),
        "layer": int(first["layer"]),
        "mean_delta_change": change.value,
        **columns(change),
        "mean_towards": toward.value,
        **columns(toward, "towards"),
        "towards_p": toward.p,
        "std_delta_change": float(part["delta_change"].std(ddof=0)),
        "mean_effect": float(part["effect"].mean()),
        "unrelated_rms": float((part["unrelated_rms"] ** 2).mean() ** 0.5),
        "small_gaps": small_gaps(part["gap"].to_numpy(float)),
        **(none if share is None else {"normalised": share.value, **columns(share, "normalised")}),
        **flipped(part, study),
        "n": len(part),
    }


def flipped(part: "pd.DataFrame", study: Configuration) -> dict[str, int]:
    """Prompts whose answer flips: where the receiver's answer counts, and anywhere."""
    both = part["action_flipped"].astype(bool)
    return {"flips": int((both & clear(part, study)).sum()), "flips_anywhere": int(both.sum())}


_UNRANKED = {"p_rank": None, "peers": None, "peers_median": None}


def peer_ranks(pair: "pd.DataFrame", study: Configuration) -> dict[str, dict[str, Any]]:
    """p of the named components among all of their kind, one mean effect each."""
    found: dict[str, dict[str, Any]] = {}
    for _, alike in groups(parts_of(pair), "kind"):
        wide = by_component(alike, "towards").groupby(level="scenario", sort=False).mean()
        ranks = rank_among_peers(wide.to_numpy(float))
        median = float(wide.mean().median())
        for name, p in zip(wide.columns, ranks.p, strict=True):
            named = name in study.named
            found[str(name)] = {
                "p_rank": float(p) if named else None, "peers": ranks.peers, "peers_median": median
            }  # fmt: skip
    return found


def ranked(summary: Rows) -> Rows:
    """The components of largest mean effect towards or away from the source, per pair."""
    found: Rows = []
    for pair in dict.fromkeys(row["pair"] for row in summary):
        own = [row for row in summary if row["pair"] == pair and row["kind"] != "resid"]
        own.sort(key=lambda row: -abs(row["mean_towards"]))
        found += [{"rank": rank, **row} for rank, row in enumerate(own[:RANKED], start=1)]
    return found
