"""What the contrast says: what differs, whether it replicates, and what could have been found."""

from typing import Any

from microtome.lab.claims import Finding
from microtome.lab.study import Tables
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrast_claims import (
    QUESTION,
    control,
    control_holds,
    nothing,
    replicated,
    separation,
)
from microtome.studies.misconceptions.contrasting import Contrast
from microtome.studies.misconceptions.exchange import smallest_p
from microtome.studies.misconceptions.heldout import again

Rows = list[dict[str, Any]]


def contrast_findings(
    found: Contrast, made: dict[str, Rows], tables: Tables, study: Configuration
) -> list[Finding]:
    """Which reading, what differs and replicates, how well it separates, the pairs of the file."""
    rows, holds = made["contrast_heldout"], control_holds(made, found.alpha)
    said = [*_shared(tables), _survival(found, made, study)]
    said += [replicated(row, control(made), holds) for row in _largest(rows)]
    said += [separation(row, study) for row in _best(made["contrast_separation"])]
    return [*said, *_extra(rows, found)]


def _shared(tables: Tables) -> list[Finding]:
    prompts = tables["features_prompts"]
    same = prompts.groupby("pair_id", sort=False)["prompt"].nunique() == 1
    if not same.any():
        return []
    return [
        Finding.stated(
            f"In {int(same.sum())} of {len(same)} pairs both members are one prompt.",
            n=len(same), about="pairs of one prompt", question=QUESTION,
            detail="On one prompt every difference is exactly 0; these pairs are read on the "
            "forced answer tokens instead, where the members differ by the very answer.",
        )
    ]  # fmt: skip


def _survival(found: Contrast, made: dict[str, Rows], study: Configuration) -> Finding:
    n, rows = len(found.sides.pairs), made["contrast_heldout"]
    if not len(found.features):
        few = ": give more pairs, or lower --min-pairs" if n < study.min_pairs else ""
        return Finding.stated(
            f"No feature fires in at least {study.min_pairs} pairs of the {n} to select on, so "
            f"nothing is tested{few}.", n=n, about="survivors", question=QUESTION,
        )  # fmt: skip
    claimed = int(found.claimed.sum())
    if not claimed:
        return nothing(found, made)
    again_there = sum(row["confirmed"] for row in rows)
    same = f"; {again_there} of them replicate on held-out pairs" if rows else ""
    return Finding.stated(
        f"{claimed} of {len(found.features)} features differ between the members{same}.",
        again_there / claimed if rows else None, unit="share replicated", n=claimed,
        control=control(made), about="survivors", question=QUESTION,
        detail=_tested(found, rows, study),
    )  # fmt: skip


def _tested(found: Contrast, rows: Rows, study: Configuration) -> str:
    n, floor = len(found.sides.pairs), smallest_p(len(found.sides.pairs), found.at)
    held_out = f" There are {rows[0]['test_n']} held-out pairs." if rows else ""
    return (
        f"Features that fire in at least {study.min_pairs} of {n} pairs, labels exchanged within "
        f"pairs (a test of symmetry about 0), max-T over all layers, p ≤ {found.alpha:.2g}; "
        f"smallest reachable p {floor:.2g}.{held_out} The pairs are the same for all features, so "
        f"the counts have no interval."
    )


def _largest(rows: Rows) -> Rows:
    """The largest claimed feature of each side by the pairs to select on."""
    firsts = [
        next((row for row in rows if row["side"] == side), None)
        for side in ("correct", "misconception")
    ]
    return [row for row in firsts if row]


def _best(rows: Rows) -> Rows:
    """The layer whose strongest feature stands out most on the pairs to select on."""
    return sorted(rows, key=lambda row: -row["strongest_t"])[:1]


def _extra(rows: Rows, found: Contrast) -> list[Finding]:
    """The pairs of the file as a second test of the replicated features."""
    own = [row for row in rows if row["confirmed"] and "extra_mean" in row]
    if not own:
        return []
    n, floor = int(own[0]["extra_n"]), smallest_p(int(own[0]["extra_n"]), found.at)
    same = sum(again(row, "extra", found.alpha) for row in own)
    return [
        Finding.stated(
            f"On the {n} pairs of the file {same} of {len(own)} replicated features differ again, "
            f"in the same direction.",
            same / len(own), unit="share in the same direction", n=len(own),
            control=f"{found.alpha / 2:.2g} if the labels meant nothing", about="pairs of the file",
            question=QUESTION,
            detail=f"p ≤ {found.alpha:.2g} by max-T and an interval that leaves 0 out; {n} pairs "
            f"reach {floor:.2g} at best; the same pairs for all features, so the count has no "
            f"interval.",
        )
    ]  # fmt: skip
