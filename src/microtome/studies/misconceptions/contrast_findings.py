"""What the contrast says, in sentences: whether anything survives, and what could have."""

from typing import Any

from microtome.lab.study import Finding, Tables
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.contrasting import Contrast
from microtome.studies.misconceptions.exchange import smallest_p
from microtome.studies.misconceptions.heldout import again

Rows = list[dict[str, Any]]


def contrast_findings(
    found: Contrast, made: dict[str, Rows], tables: Tables, study: Configuration
) -> list[Finding]:
    """Which reading, what survives, how well it separates, and the pairs of the file."""
    said = [*_shared(tables), _survival(found, made, study)]
    said += [_separation(row, study) for row in _best(made["contrast_separation"])]
    return [*said, *_extra(made["contrast_heldout"], found)]


def _shared(tables: Tables) -> list[Finding]:
    prompts = tables["features_prompts"]
    same = prompts.groupby("pair_id", sort=False)["prompt"].nunique() == 1
    if not same.any():
        return []
    return [
        Finding.stated(
            f"In {int(same.sum())} of {len(same)} pairs both members are one prompt, on which "
            f"every difference is exactly 0; they are read on the forced answer tokens instead, "
            f"where the members differ by the very answer.",
            n=len(same), about="pairs of one prompt",
        )
    ]  # fmt: skip


def _survival(found: Contrast, made: dict[str, Rows], study: Configuration) -> Finding:
    n, alpha = len(found.sides.pairs), found.alpha
    floor = smallest_p(n, found.at)
    if not len(found.features):
        few = ": give more pairs, or lower --min-pairs" if n < study.min_pairs else ""
        return Finding.stated(
            f"No feature fires in at least {study.min_pairs} pairs of the {n} to select on, so "
            f"nothing is tested{few}.", n=n, about="survivors",
        )  # fmt: skip
    if floor > alpha:
        return Finding.stated(
            f"Nothing can survive correction: {n} pair{'s' * (n > 1)} to select on give no p-value "
            f"below {floor:.2g}; "
            f"give more pairs.", n=n, about="survivors",
        )  # fmt: skip
    claimed, rows = int(found.claimed.sum()), made["contrast_heldout"]
    confirmed = sum(row["confirmed"] for row in rows)
    return Finding.stated(
        f"{_verdict(claimed, confirmed, bool(rows))} of {len(found.features)} features that fire "
        f"in at least {study.min_pairs} of {n} pairs, {claimed} differ between the members "
        f"(labels exchanged within pairs, which tests symmetry about 0; max-T over all layers, "
        f"p ≤ {alpha:.2g}; smallest reachable p {floor:.2g})"
        f"{_tested(rows, confirmed)}{_strongest(found, rows)}.",
        confirmed / claimed if rows else None, unit="share confirmed", n=claimed,
        control=_control(made), about="survivors",
    )  # fmt: skip


def _verdict(claimed: int, confirmed: int, tested: bool) -> str:
    if confirmed or (claimed and not tested):
        return "Something survives correction:"
    return "Nothing survives correction:"


def _tested(rows: Rows, confirmed: int) -> str:
    if not rows:
        return ""
    return (
        f", and {confirmed} of them again, in the same direction, on {rows[0]['test_n']} held-out "
        f"pairs (the same for all features, so the count has no interval)"
    )


def _strongest(found: Contrast, rows: Rows) -> str:
    """The largest confirmed difference of each side."""
    firsts = [
        next((r for r in rows if r["confirmed"] and r["side"] == side), None)
        for side in ("correct", "misconception")
    ]
    named = [f"L{r['layer']} #{r['feature']} (higher in {r['side']} members)" for r in firsts if r]
    return f"; the largest are {' and '.join(named)}" if named else ""


def _control(made: dict[str, Rows]) -> str:
    rows = made["contrast_relabelled"]
    survived = sum(row["confirmed"] > 0 for row in rows)
    return (
        f"with labels exchanged at random within pairs a feature survives in {survived} of "
        f"{len(rows)} sets"
    )


def _best(rows: Rows) -> Rows:
    """The layer whose strongest feature stands out most on the pairs to select on."""
    return sorted(rows, key=lambda row: -row["strongest_t"])[:1]


def _separation(row: dict[str, Any], study: Configuration) -> Finding:
    return Finding.stated(
        f"The {study.top_n} strongest features of each side at layer {row['layer']} together tell "
        f"the members of held-out pairs apart with AUROC {row['auroc']:.3f}.",
        row["auroc"], row["auroc_low"], row["auroc_high"], unit="AUROC", n=row["n"],
        control=f"{study.level:.0%} of relabelled sets between {row['relabelled_low']:.2f} and "
        f"{row['relabelled_high']:.2f}",
        about="held-out separation",
    )  # fmt: skip


def _extra(rows: Rows, found: Contrast) -> list[Finding]:
    """The pairs of the file as a second test of the confirmed features."""
    own = [row for row in rows if row["confirmed"] and "extra_mean" in row]
    if not own:
        return []
    n, floor = int(own[0]["extra_n"]), smallest_p(int(own[0]["extra_n"]), found.at)
    same = sum(again(row, "extra", found.alpha) for row in own)
    return [
        Finding.stated(
            f"On the {n} pairs of the file {same} of {len(own)} confirmed features differ again in "
            f"the same direction (p ≤ {found.alpha:.2g} by max-T and an interval that leaves 0 "
            f"out; {n} pairs reach {floor:.2g} at best; the same pairs for all features, so the "
            f"count has no interval).",
            same / len(own), unit="share in the same direction", n=len(own),
            control=f"{found.alpha / 2:.2g} if the labels meant nothing", about="pairs of the file",
        )
    ]  # fmt: skip
