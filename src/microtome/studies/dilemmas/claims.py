"""What the claims of this study share: smallest effects of interest, and evidence from intervals.

A claim's p is dual to the interval that its evidence shows. Where a second test speaks of another
null (random sets, peers, max-T) the claim needs both, so its p is the larger of the two: with that
of one alone, claims that are false by the other would pass the correction.
"""

from microtome.lab.claims import Claim, Evidence
from microtome.lab.evidence import worded
from microtome.statistics import Interval
from microtome.studies.dilemmas.configuration import Configuration
from microtome.studies.dilemmas.largest import Largest

LEAST_PROBABILITY = 0.1
"""Smallest effect of interest on P(defect)."""
LEAST_LOGITS = 0.1
"""Smallest effect of interest on Δ: the odds of defection change by a tenth."""
LEAST_SHARE = 0.1
"""Smallest effect of interest as a share: a tenth of the gap between two models."""

EXCHANGED = "the labels of the two models exchanged at random within scenarios"
SIGNS = "the signs of what a swap changes drawn at random for each scenario"
"""Exchanged labels are no null of a swap: a component that carries the gap moves Δ towards the
source whichever of the two is called that."""
ACTIONS = "the two actions exchanged at random between scenarios"


def measured(
    found: Interval,
    unit: str,
    study: Configuration,
    detail: str = "",
    control: str = "",
    shape: str = "+.2f",
) -> Evidence:
    """An interval as evidence; what it is over stands first in the details."""
    over = sentence(f"{worded(found, study.resample, shape)}.")
    return Evidence(
        found.value, found.low, found.high, unit, found.n, control, f"{over} {detail}".strip()
    )


def sentence(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]


def largest_evidence(
    top: Largest, unit: str, n: int, study: Configuration, detail: str = "", control: str = ""
) -> Evidence:
    """The held-out size of the largest component, with the sign of its mean."""
    over = sentence(f"{top.evidence(study, '+.2f')}.")
    return Evidence(top.value, *top.ends, unit, n, control, f"{over} {detail}".strip())


def largest_claim(
    top: Largest,
    *,
    least: float,
    named: tuple[str, str],
    unsettled: str,
    false_in: str,
    control_holds: bool | None = None,
) -> Claim:
    """That the largest component has an effect where it was not chosen, in the sign of its mean.

    `named` holds the answers above and below 0 for a component that both halves chose,
    `unsettled` the answer where they choose differently: it names both and no direction.
    """
    above, below = named if top.chosen[0] == top.chosen[1] else (unsettled, unsettled)
    return Claim(
        p=top.claim_p, least=least, side=1 if top.sign > 0 else -1, above=above, below=below,
        control_holds=control_holds, false_in=false_in,
    )  # fmt: skip


def needs_both(tested: float | None, shown: float | None) -> float | None:
    """p of a claim that holds only if two do: that of a test, and that of the interval shown."""
    return tested if tested is None or shown is None else max(tested, shown)


def undesigned(least: float, false_in: str) -> Claim:
    """The claim of a design that gives no p."""
    return Claim(p=None, least=least, false_in=false_in)
