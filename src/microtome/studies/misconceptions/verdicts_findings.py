"""What the verdicts say: the surest feature's three parts, all of them counted, and the power."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.studies.misconceptions.ablate_findings import LEAST_NATS
from microtome.studies.misconceptions.configuration import Configuration
from microtome.studies.misconceptions.factoring import VOICE
from microtome.studies.misconceptions.judging import Judgement

Rows = list[dict[str, Any]]
QUESTION = "verdict"
_OF = {"correct": "the right answer", "misconception": "the misconception"}


def nothing_judged() -> Finding:
    """No feature is significant in either contrast."""
    return Finding.stated(
        "No feature gets a verdict: none is significant in a contrast, or none is held out.",
        n=0, about="verdict of the surest feature", question=QUESTION,
    )  # fmt: skip


def verdict_findings(
    found: Sequence[Judgement], by_mistake: Rows, control: tuple[int, int], study: Configuration
) -> list[Finding]:
    """One claim, one count of the table, one sentence on power."""
    if not found:
        return [nothing_judged()]
    lead = found[0]
    own = [row for row in by_mistake if _is_of(row, lead)]
    return [_surest(lead, control, study), _counted(found, study), _power(lead, own)]


def _surest(one: Judgement, control: tuple[int, int], study: Configuration) -> Finding:
    """The claim that the surest feature has all three parts."""
    feature, cause, side = one.candidate.feature, one.cause, _OF[one.candidate.side]
    given, tried = control
    moves = "rises" if cause["predicted"] > 0 else "falls"
    what = one.specific if one.specific == VOICE else "specific to the physics"
    sure = (
        f"{feature} predicts {side}, causes it and is {what}: without it Δ {moves} by "
        f"{abs(cause['mean_change']):.3g} nats."
    )
    claim = Claim(
        p=one.p, floor=cause["smallest_p"], least=LEAST_NATS, side=int(cause["predicted"]),
        above=sure, below=sure, control_holds=given <= study.alpha * tried,
        false_in="labels exchanged within all pairs, or matched random atoms ablated instead",
    )  # fmt: skip
    evidence = Evidence(
        cause["mean_change"], cause["low"], cause["high"], "nats", cause["n"],
        f"{given} of {tried} verdicts with labels exchanged; {cause['n_random']} matched random "
        f"atoms reach p = {cause['smallest_p']:.2g} at best",
        _parts(one),
    )  # fmt: skip
    return Finding(
        f"That {feature} predicts {side}, causes it and is of the voice or specific is not shown.",
        evidence, "verdict of the surest feature", QUESTION, claim,
    )  # fmt: skip


def _parts(one: Judgement) -> str:
    inside, cause = one.effects.inside, one.cause
    return (
        f"Predicts: {one.predicts} ({inside.value:+.3g} towards its side on {inside.n} held-out "
        f"pairs). Causes: {one.causes} (p = {cause['p_random']:.2g} against random atoms). "
        f"Specific: {one.specific}. Found by pairs that differ in the {one.candidate.by}. p is the "
        f"largest of the parts'."
    )


def _counted(found: Sequence[Judgement], study: Configuration) -> Finding:
    complete = sum(one.complete for one in found)
    parts = [
        f"{sum(one.predicts == 'yes' for one in found)} predict",
        f"{sum(one.causes == 'yes' for one in found)} cause",
        *(f"{n} {word}" for word, n in sorted(Counter(one.specific for one in found).items())),
    ]
    return Finding.stated(
        f"{complete} of {len(found)} judged features predict, cause, and are of the voice or "
        f"specific to the physics.",
        complete / len(found), unit="share of judged features", n=len(found),
        about="verdicts of features", question=QUESTION,
        detail=f"{', '.join(parts)}. Effects and factors at 1 − {study.alpha:.2g} / {len(found)}, "
        f"ablations by q over all of them; the features share their pairs, so the share has no "
        f"interval.",
    )  # fmt: skip


def _power(lead: Judgement, rows: Rows) -> Finding:
    """Which misconceptions have too few pairs for a verdict of their own."""
    few = [row for row in rows if not row["decides"]]
    feature, least = lead.candidate.feature, lead.candidate.least
    if not few:
        answer = f"Each of {len(rows)} misconceptions has pairs enough to decide on {feature}."
    else:
        most = max(row["n"] for row in few)
        answer = (
            f"On {len(few)} of {len(rows)} misconceptions up to {most} pairs cannot decide on "
            f"{feature} alone; raise --generated."
        )
    shown = "; ".join(
        f"{row['mistake']}: {row['value']:+.3g}, {row['n']} pairs detect {_size(row)}"
        for row in rows
    )
    return Finding.stated(
        answer, len(few) / len(rows), unit="share of misconceptions that cannot be decided",
        n=len(rows), about="power of the misconceptions", question=QUESTION,
        detail=f"Smallest effect of interest {least:.3g}; detected with 80 % power: {shown}.",
    )  # fmt: skip


def _size(row: dict[str, Any]) -> str:
    return "no effect at all" if row["detectable"] is None else f"{row['detectable']:.3g}"


def _is_of(row: dict[str, Any], one: Judgement) -> bool:
    feature = one.candidate.feature
    return (row["layer"], row["feature"]) == (feature.layer, feature.number)
