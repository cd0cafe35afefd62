"""One line per pair of models: their gap, the largest component, how many have an effect."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from microtome.lab.evidence import columns
from microtome.statistics import Columns, Interval
from microtome.studies.dilemmas.clear import BOTH, answered, clear
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import (
    PLACE,
    by_component,
    mean_over,
    small_gaps,
    tested,
    undecided,
)
from microtome.studies.dilemmas.effects import PAIR, parts_of, title, towards
from microtome.studies.dilemmas.frames import groups
from microtome.studies.dilemmas.largest import Largest, largest

if TYPE_CHECKING:
    import pandas as pd

Rows = list[dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Across:
    """One pair: mean gap, largest component (None: one cluster only), test of all components."""

    source: str
    target: str
    gap: Interval
    top: Largest | None
    test: Columns
    counts: dict[str, Any]
    share: float | None
    """`normalised` of the component that both halves chose; None where the gaps are too small."""

    def row(self, study: Configuration) -> dict[str, Any]:
        """The pair as a row of `cross_experiment_summary`."""
        return {
            "source": self.source,
            "target": self.target,
            "pair": title(self.source, self.target),
            "n_prompts": self.gap.n,
            "mean_gap": self.gap.value,
            **columns(self.gap, "gap"),
            **({} if self.top is None else self.top.columns("top")),
            "top_share": self.share,
            "test": self.test.test,
            "smallest_p": self.test.floor,
            "undecided": undecided(self.test, study),
            **self.counts,
        }


def across_pairs(results: "pd.DataFrame", summary: Rows, study: Configuration) -> list[Across]:
    """All pairs of the patching results, in their order."""
    found = []
    for (source, target), pair in groups(towards(results), *PAIR):
        own = [r for r in summary if (r["source"], r["target"]) == (source, target)]
        wide = by_component(parts_of(pair), "towards")
        test = tested(wide, study)
        prompts = pair.drop_duplicates(PLACE)
        parts = [row for row in own if row["kind"] != "resid"]
        counts = {**_prompts(prompts, study), **_components(parts, undecided(test, study), study)}
        counts["unrelated_ratio"] = _unrelated_ratio(parts_of(pair))
        gap = mean_over(prompts, "gap", study)
        top = largest(wide, study, test)
        share = _share(top, parts)
        found.append(Across(source, target, gap, top, test, counts, share))
    return found


def _share(top: Largest | None, parts: Rows) -> float | None:
    """Of the component that both halves chose, as `patching_summary` has it."""
    if top is None or top.chosen[0] != top.chosen[1]:
        return None
    (share,) = (row["normalised"] for row in parts if row["component"] == top.component)
    return None if share is None else float(share)


def _prompts(prompts: "pd.DataFrame", study: Configuration) -> dict[str, Any]:
    """Gaps and answers of a pair's prompts, one row each."""
    gaps = prompts["gap"].to_numpy(float)
    differ = (prompts["donor_delta"] > 0) != (prompts["baseline_delta"] > 0)
    spoken, counted = answered(prompts, study, BOTH), clear(prompts, study, BOTH)
    return {
        "mean_abs_gap": float(abs(gaps).mean()),
        "small_gaps": small_gaps(gaps),
        "opposite_gaps": int(min((gaps > 0).sum(), (gaps < 0).sum())),
        "actions_differ": int((differ & counted).sum()),
        "actions_differ_anywhere": int(differ.sum()),
        "actions_differ_near": int((differ & spoken & ~counted).sum()),
        "n_silent": int((~spoken).sum()),
        "receiver_silent": int((~answered(prompts, study)).sum()),
    }


def _components(parts: Rows, undecided: str, study: Configuration) -> dict[str, Any]:
    p = [row["p_max_t"] for row in parts if row["p_max_t"] is not None]
    return {
        "n_components": len(parts),
        "n_nonzero": None if undecided else sum(one < study.at.alpha for one in p),
        "n_flipping": sum(row["flips"] > 0 for row in parts),
        "n_flipping_anywhere": sum(row["flips_anywhere"] > 0 for row in parts),
        "sum_of_singles": sum_of_singles(parts),
    }


def sum_of_singles(parts: Rows) -> float | None:
    """Shares of the gap summed over heads and MLPs: 1 if components acted independently.

    A layer's attention is left out: its heads stand for it.
    """
    shares = [row["normalised"] for row in parts if row["kind"] in ("head", "mlp")]
    return None if None in shares else float(sum(shares))


def _unrelated_ratio(parts: "pd.DataFrame") -> float:
    """Median change along unrelated tokens over median |change of Δ|, over components."""
    own = float(parts["delta_change"].abs().median())
    return float(parts["unrelated_rms"].median()) / own if own > 0 else 0.0
