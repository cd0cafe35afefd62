"""The contrast's claims: a feature of each side replicates, the strongest tell members apart.

They rest on held-out pairs; the largest feature of each side and the layer of the strongest are
chosen on the pairs to select on. Where nothing is significant there, the claim is that something
differs, with the smallest p over all features.
"""

from typing import Any

import numpy as np

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast
from microtome.studies.misconceptions.exchange import smallest_p
from microtome.studies.misconceptions.factoring import HALF

Rows = list[dict[str, Any]]
QUESTION = "features"
LEAST_AUROC = 0.1
"""Smallest effect of interest: AUROC beyond one half."""
EXCHANGED = "labels exchanged at random within pairs"


def nothing(found: Contrast, made: dict[str, Rows]) -> Finding:
    """No feature is significant on the pairs to select on: the claim that one of them differs."""
    n, tested = len(found.sides.pairs), len(found.features)
    floor = smallest_p(n, found.at)
    more = f" {n} pairs give no p below {floor:.2g}; give more." if floor > found.alpha else ""
    claim = Claim(
        p=float(np.min(found.test.p)), floor=floor, least=half(float(np.abs(found.mean).max())),
        control_holds=control_holds(made, found.alpha), false_in=EXCHANGED,
    )  # fmt: skip
    evidence = Evidence(unit="activation", n=n, control=control(made))
    return Finding(
        f"That any of {tested} features differs between the members is not shown.{more}",
        evidence, "survivors", QUESTION, claim,
    )  # fmt: skip


def replicated(row: dict[str, Any], control: str, holds: bool | None) -> Finding:
    """A feature that was chosen on other pairs, with the interval and p of the held-out ones."""
    feature, side, change = f"L{row['layer']} #{row['feature']}", row["side"], row["test_mean"]
    sure = f"{feature} replicates on held-out pairs: {abs(change):.2f} more in {side} members."
    evidence = Evidence(
        change, row["test_low"], row["test_high"], "activation, correct − misconception",
        row["test_n"], control,
        f"The largest significant feature of {side} members by {row['mean']:+.2f} on the pairs to "
        f"select on.",
    )  # fmt: skip
    claim = Claim(
        p=row["test_p"], least=half(row["mean"]), side=1 if side == "correct" else -1,
        above=sure, below=sure, control_holds=holds, false_in=EXCHANGED,
    )  # fmt: skip
    return Finding(
        f"That {feature} differs towards its side on held-out pairs is not shown: "
        f"{change:+.2f}.", evidence, f"largest feature of {side} members", QUESTION, claim,
    )  # fmt: skip


def separation(row: dict[str, Any], study: Configuration) -> Finding:
    ends = row["relabelled_low"], row["relabelled_high"]
    strongest, shown = (
        f"the strongest features of layer {row['layer']}",
        f"AUROC {row['auroc']:.2f}",
    )
    evidence = Evidence(
        row["auroc"], row["auroc_low"], row["auroc_high"], "AUROC", row["n"],
        f"{study.level:.0%} of relabelled sets between {ends[0]:.2f} and {ends[1]:.2f}",
        f"The {study.top_n} strongest of each side together; the layer is chosen on the pairs to "
        f"select on.",
    )  # fmt: skip
    claim = Claim(
        p=row["auroc_p"], least=LEAST_AUROC, null=0.5, side=1,
        above=f"On held-out pairs {strongest} tell the members apart with {shown}.",
        control_holds=bool(ends[0] <= 0.5 <= ends[1]), false_in=EXCHANGED,
    )  # fmt: skip
    return Finding(
        f"Whether {strongest} tell the members of held-out pairs apart is not shown: {shown}.",
        evidence, "held-out separation", QUESTION, claim,
    )  # fmt: skip


def half(size: float) -> float:
    """Smallest effect of interest of a difference: half of that on the pairs to select on."""
    return HALF * abs(size) or 1.0


def control(made: dict[str, Rows]) -> str:
    rows = made["contrast_relabelled"]
    survived = sum(row["confirmed"] > 0 for row in rows)
    return (
        f"with labels exchanged at random within pairs a feature replicates in {survived} of "
        f"{len(rows)} sets"
    )


def control_holds(made: dict[str, Rows], alpha: float) -> bool | None:
    rows = made["contrast_relabelled"]
    return sum(row["confirmed"] > 0 for row in rows) <= alpha * len(rows) if rows else None
