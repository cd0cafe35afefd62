"""What patching says of a pair: its gap, single components, and those named beforehand."""

from typing import Any

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.studies.dilemmas.across import Across
from microtome.studies.dilemmas.claims import (
    EXCHANGED,
    LEAST_LOGITS,
    SIGNS,
    largest_claim,
    largest_evidence,
    measured,
    needs_both,
    undesigned,
)
from microtome.studies.dilemmas.clear import left_out
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.design import counted
from microtome.studies.dilemmas.effects import title

Rows = list[dict[str, Any]]
QUESTION = "difference"
TOWARDS = "Δ logit towards the source"
_OTHER = "another component of the same kind in its place"


def pair_findings(pair: Across, summary: Rows, study: Configuration) -> list[Finding]:
    """The gap of a pair, what a component swapped alone does, and the ranks of named ones."""
    own = [r for r in summary if (r["source"], r["target"]) == (pair.source, pair.target)]
    named = [_rank(row) for row in own if row["p_rank"] is not None]
    return [_gap(pair, study), _single(pair, own, study), *named]


def _gap(pair: Across, study: Configuration) -> Finding:
    name, gap = title(pair.source, pair.target), pair.gap
    opposite = pair.counts["opposite_gaps"]
    both = f"The gap has the other sign on {opposite} of {gap.n} prompts. " if opposite else ""
    size = f"their mean Δ are {gap.value:+.2f} logits apart"
    claim = Claim(
        p=gap.p, least=LEAST_LOGITS, false_in=EXCHANGED,
        above=f"{name}: the source leans more to defection than the receiver: {size}.",
        below=f"{name}: the source leans less to defection than the receiver: {size}.",
    )  # fmt: skip
    return Finding(
        f"{name}: that the source leans more or less to defection is not shown: {size}.",
        measured(gap, "Δ logit (D − C)", study, both + _answers(pair, study)),
        f"{name}, gap", QUESTION, claim,
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
    """Which component changes Δ most; unrelated tokens are its control."""
    name, top = title(pair.source, pair.target), pair.top
    rest = counted(pair.test, "components", study) + _flipping(pair, study)
    about = f"{name}, largest effect"
    if top is None:
        alone = f"{name}: a single scenario cannot measure the largest of many effects."
        nothing = Evidence(unit=TOWARDS, n=pair.gap.n, detail=rest)
        return Finding(alone, nothing, about, QUESTION, undesigned(LEAST_LOGITS, SIGNS))
    moved = max(row["unrelated_rms"] for row in own if row["component"] in top.chosen)
    size = f"{abs(top.value):.2f} logits"
    most = f"{name}: swapped alone, {top.component} changes Δ most, {size}"
    claim = largest_claim(
        top, least=LEAST_LOGITS, false_in=SIGNS,
        named=(f"{most} towards the source.", f"{most} away from the source."),
        unsettled=f"{name}: the largest change of Δ, by {top.component}, is {size}.",
        control_holds=specific(top.value, moved, shown=top.size.excludes(0)),
    )  # fmt: skip
    detail = f"{_share(pair)}{unspecific(top.value, moved)}{rest}"
    return Finding(
        f"{name}: which component changes Δ most is not shown; the largest by {size}.",
        largest_evidence(top, TOWARDS, pair.gap.n, study, detail, _moved(moved)),
        about, QUESTION, claim,
    )  # fmt: skip


def _share(pair: Across) -> str:
    return "" if pair.share is None else f"That is {abs(pair.share):.0%} of the gaps. "


def _moved(logits: float) -> str:
    return f"the same swap moves unrelated tokens apart by {logits:.2f} logits"


def specific(effect: float, moved: float, *, shown: bool) -> bool | None:
    """Whether unrelated tokens move less than Δ; None where no effect is shown to be compared."""
    return moved < abs(effect) if shown else None


def unspecific(effect: float, moved: float) -> str:
    """What to say of an effect that unrelated tokens share."""
    if moved < abs(effect):
        return ""
    return "Unrelated tokens move as much or more: it is not specific to the two answers. "


def _flipping(pair: Across, study: Configuration) -> str:
    counts = pair.counts
    if counts["receiver_silent"] == pair.gap.n:
        return " The receiver gives neither answer, so no flip is counted."
    return (
        f" {counts['n_flipping']} flip the action on some prompt with |Δ| of {study.flip_floor:g} "
        f"or more ({counts['n_flipping_anywhere']} on any prompt)."
    )


def _rank(row: dict[str, Any]) -> Finding:
    """A component named beforehand: its effect among those of its kind."""
    place, peers, moved = round(row["p_rank"] * row["peers"]), row["peers"], row["unrelated_rms"]
    effect, ends = row["mean_towards"], (row["towards_low"], row["towards_high"])
    where = f"{row['pair']}: {row['component']}, named beforehand,"
    unlike = f"{abs(effect):.2f} logits"
    shown = ends[0] is not None and not ends[0] <= 0 <= ends[1]
    claim = Claim(
        p=_rank_p(row), floor=1 / peers, least=LEAST_LOGITS, false_in=_OTHER,
        above=f"{where} moves Δ towards the source, unlike others of its kind: {unlike}.",
        below=f"{where} moves Δ away from the source, unlike others of its kind: {unlike}.",
        control_holds=specific(effect, moved, shown=shown),
    )  # fmt: skip
    detail = (
        f"It ranks {place} of {peers} of its kind by the distance of its effect from their median "
        f"({row['peers_median']:+.2f}). "
    )
    evidence = Evidence(
        effect, *ends, TOWARDS, row["n"], f"{_moved(moved)}; p is among {peers} peers",
        f"{detail}{unspecific(effect, moved)}".strip(),
    )  # fmt: skip
    return Finding(
        f"{where} is not shown to act unlike others of its kind: {unlike}.",
        evidence, f"{row['pair']}, {row['component']}", QUESTION, claim,
    )  # fmt: skip


def _rank_p(row: dict[str, Any]) -> float | None:
    """p of the rank and of an effect; 1 of one that is smaller than its peers', not unlike 0."""
    effect = row["mean_towards"]
    if effect * (effect - row["peers_median"]) < 0:
        return 1.0
    return needs_both(row["p_rank"], row["towards_p"])
