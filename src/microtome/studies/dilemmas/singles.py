"""What patching says of a pair: its gap, single components, and those named beforehand."""

from typing import Any

from microtome.lab.evidence import worded
from microtome.lab.study import Finding
from microtome.studies.dilemmas.across import Across
from microtome.studies.dilemmas.clear import left_out
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import undecided
from microtome.studies.dilemmas.effects import title

Rows = list[dict[str, Any]]


def pair_findings(pair: Across, summary: Rows, study: Configuration) -> list[Finding]:
    """The gap of a pair, what a component swapped alone does, and the ranks of named ones."""
    own = [r for r in summary if (r["source"], r["target"]) == (pair.source, pair.target)]
    named = [_rank(row, study) for row in own if row["p_rank"] is not None]
    return [_gap(pair, study), _single(pair, own, study), *named]


def _gap(pair: Across, study: Configuration) -> Finding:
    name, gap, counts = title(pair.source, pair.target), pair.gap, pair.counts
    opposite = counts["opposite_gaps"]
    both = f" The gap has the other sign on {opposite} of them." if opposite else ""
    return Finding.stated(
        f"{name}: on the same {gap.n} prompts the source's Δ lies {gap.value:+.2f} logits from the "
        f"receiver's ({worded(gap, study.resample, '+.2f')}).{both} {_answers(pair, study)}",
        gap.value, gap.low, gap.high, unit="Δ logit (D − C)", n=gap.n, about=f"{name}, gap",
    )  # fmt: skip


def _answers(pair: Across, study: Configuration) -> str:
    """On how many prompts the answers differ; silence where a model gives neither."""
    counts, n = pair.counts, pair.gap.n
    if counts["n_silent"] == n:
        return "A model gives neither answer on any of them, so their answers are not compared."
    nearer = counts["actions_differ_near"]
    near = f" ({nearer} more where a Δ is nearer to 0)" if nearer else ""
    return (
        f"Their answers differ on {counts['actions_differ']} where both |Δ| reach "
        f"{study.flip_floor:g}{near}.{left_out(counts['n_silent'], n, study)}"
    )


def _single(pair: Across, own: Rows, study: Configuration) -> Finding:
    name, top = title(pair.source, pair.target), pair.top
    rest = f"{_effective(pair, study)}{_flipping(pair, study)}"
    about, unit = f"{name}, largest effect", "Δ logit towards the source"
    if top is not None and top.shown == 0:
        rest = f"no component is shown to change Δ when swapped alone. {rest}"
    if top is None or top.shown == 0:
        return Finding.stated(f"{name}: {rest}", n=pair.gap.n, about=about)
    moved = max(row["unrelated_rms"] for row in own if row["component"] in top.chosen)
    return Finding.stated(
        f"{name}: {_top(pair)} ({top.of_size(study)}).{_unspecific(top.value, moved)} {rest}",
        top.value, *top.ends, unit=unit, n=pair.gap.n, about=about,
        control=f"the same swap moves unrelated tokens apart by {moved:.2f} logits",
    )  # fmt: skip


def _flipping(pair: Across, study: Configuration) -> str:
    counts = pair.counts
    if counts["receiver_silent"] == pair.gap.n:
        return " The receiver gives neither answer, so no flip is counted."
    return (
        f" {counts['n_flipping']} flip the action on some prompt with |Δ| of {study.flip_floor:g} "
        f"or more ({counts['n_flipping_anywhere']} on any prompt)."
    )


def _unspecific(effect: float, moved: float) -> str:
    """What to say of an effect that unrelated tokens share."""
    if moved < abs(effect):
        return ""
    return (
        f" The same swap moves unrelated tokens apart by {moved:.2f} logits, as much or more: it "
        f"is not specific to the two answers."
    )


def _top(pair: Across) -> str:
    top, share = pair.top, pair.share
    if top is None or not top.settled:
        return "which component changes Δ most when swapped alone is not settled"
    part = "" if share is None else f", {abs(share):.0%} of the gaps"
    way = "towards" if top.value > 0 else "away from"
    return (
        f"swapped alone, {top.component} changes Δ most, by {abs(top.value):.2f} logits {way} the "
        f"source{part}"
    )


def _effective(pair: Across, study: Configuration) -> str:
    n, why = pair.counts["n_components"], undecided(pair.test, study)
    if why:
        return f"Which of the {n} components have an effect is undecided: {why}."
    return (
        f"{pair.counts['n_nonzero']} of {n} components are shown to have an effect "
        f"({pair.test.test}, max-T, p < {study.at.alpha:.2g})."
    )


def _rank(row: dict[str, Any], study: Configuration) -> Finding:
    place, peers = round(row["p_rank"] * row["peers"]), row["peers"]
    if 1 / peers > study.at.alpha:
        verdict = f"{peers} peers give no p below {1 / peers:.2g}, so this decides nothing"
    elif row["p_rank"] <= study.at.alpha:
        verdict = "its effect is unlike its peers'"
    else:
        verdict = "others of its kind lie as far out"
    return Finding.stated(
        f"{row['pair']}: {row['component']}, named beforehand, ranks {place} of {peers} of its "
        f"kind by the distance of its effect from their median; {verdict}."
        f"{_unspecific(row['mean_towards'], row['unrelated_rms'])}",
        row["mean_towards"], row["towards_low"], row["towards_high"],
        unit="Δ logit towards the source", n=row["n"], about=f"{row['pair']}, {row['component']}",
        control=f"p = {row['p_rank']:.2g} among {peers} peers",
    )  # fmt: skip
