"""Which claims of a run hold: one false-discovery rate over all of them, and one rule.

q is Benjamini and Hochberg's over the run's families and single claims (a family's p is its
smallest max-T p); inside the R chosen of m families a claim needs p ≤ rate · R / m (Benjamini &
Bogomolov 2014). Claims that the design cannot decide are not counted; one whose control failed, or
whose interval is not on a side that it predicts, counts with p = 1: if it were a discovery that is
not reported, those that are would hold more than their share of false ones. Then, in this order,

    control failed   its control did
    supported        significant, and the interval leaves the null out on a side that it predicts
    inconclusive     no interval, or no p that could be significant, or the interval holds both the
                     null and the smallest effect of interest
    not supported    else
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from microtome.lab.claims import Claim, Evidence, Finding
from microtome.statistics import Decisions, Family, decide

Verdict = Literal["supported", "not supported", "inconclusive", "control failed"]
RATE = 0.05
"""False-discovery rate of a run whose study states no level."""
_TIES = 1 + 1e-9
"""A p of k / n that equals the level up to rounding reaches it."""


@dataclass(frozen=True)
class Judged:
    """A finding with its q and verdict (None: no claim, or none that can be decided)."""

    finding: Finding
    q: float | None = None
    verdict: Verdict | None = None
    why: str = ""

    @property
    def answer(self) -> str:
        """The finding's sentence, with a direction where the claim is supported, and only there."""
        claim, evidence = self.finding.claim, self.finding.evidence
        if claim is None or self.verdict != "supported":
            return self.finding.answer
        directed = claim.above if side_of(evidence, claim.null) > 0 else claim.below
        return directed or self.finding.answer

    def to_json(self) -> dict[str, Any]:
        """As `findings.json` holds it."""
        claim = self.finding.claim
        stated = None if claim is None else asdict(claim)
        if stated is not None:
            for name in ("p", "above", "below"):
                del stated[name]
        return {
            "question": self.finding.question, "answer": self.answer,
            "evidence": asdict(self.finding.evidence), "claim": stated,
            "p": None if claim is None else claim.p, "q": self.q, "verdict": self.verdict,
            "why": self.why, "about": self.finding.about,
        }  # fmt: skip


def judge(findings: Sequence[Finding], rate: float = RATE) -> tuple[Judged, ...]:
    """Every finding with its verdict, over the claims of all of them."""
    families = _families(findings, rate)
    p = {name: tuple(_p(findings[i]) for i in own) for name, own in families.items()}
    decided = decide({name: Family(own) for name, own in p.items()}, rate * _TIES)
    found: dict[int, tuple[float, bool]] = {}
    for name, members in families.items():
        chosen = decided.claimed.get(name, ())
        for place, i in enumerate(members):
            found[i] = _q(decided, name, p[name][place], len(members)), place in chosen
    return tuple(_judged(one, found.get(i), rate) for i, one in enumerate(findings))


def side_of(evidence: Evidence, null: float) -> int:
    """+1 or -1 where the interval lies above or below the null, 0 where it holds it or is none."""
    if evidence.ends is None or evidence.ends[0] <= null <= evidence.ends[1]:
        return 0
    return 1 if evidence.ends[0] > null else -1


def verdict_of(evidence: Evidence, claim: Claim, significant: bool, decidable: bool) -> Verdict:
    """The rule, of a claim that is or is not significant at the run's rate."""
    if claim.control_holds is False:
        return "control failed"
    side = side_of(evidence, claim.null)
    if evidence.ends is None or not decidable:
        return "inconclusive"
    if significant and side and claim.predicts(side):
        return "supported"
    return "inconclusive" if _open(evidence, claim) else "not supported"


def _families(findings: Sequence[Finding], rate: float) -> dict[str, list[int]]:
    """Places of the claims that can be decided, by family; a single claim is one of its own."""
    families: dict[str, list[int]] = {}
    for i, finding in enumerate(findings):
        claim = finding.claim
        if claim is not None and decidable(claim, rate):
            name = f"family {claim.family}" if claim.family else f"claim {i}"
            families.setdefault(name, []).append(i)
    return families


def decidable(claim: Claim, rate: float) -> bool:
    """Whether the design gives a p, and could give one that is small enough."""
    return claim.p is not None and claim.floor <= rate * _TIES


def _p(finding: Finding) -> float:
    """What enters the correction: never less than p, so a null claim is no likelier to pass."""
    claim = finding.claim
    assert claim is not None
    assert claim.p is not None
    return claim.p if _supportable(finding.evidence, claim) else 1.0


def _supportable(evidence: Evidence, claim: Claim) -> bool:
    """Whether control and interval leave the claim to its q."""
    side = side_of(evidence, claim.null)
    return claim.control_holds is not False and bool(side) and claim.predicts(side)


def _q(decided: Decisions, name: str, p: float, members: int) -> float:
    """q of a claim: its family's, or the rate at which it is chosen inside its family."""
    q = decided.q[name]
    if members == 1:
        return q
    return max(q, min(1.0, p * len(decided.q) / max(1, len(decided.claimed))))


def _open(evidence: Evidence, claim: Claim) -> bool:
    """Whether the interval holds the null and the smallest effect on a side that is predicted."""
    assert evidence.ends is not None
    low, high = evidence.ends
    if not low <= claim.null <= high:
        return False
    above = claim.predicts(1) and claim.null + claim.least <= high
    return above or (claim.predicts(-1) and low <= claim.null - claim.least)


def _judged(finding: Finding, found: tuple[float, bool] | None, rate: float) -> Judged:
    claim, evidence = finding.claim, finding.evidence
    if claim is None:
        return Judged(finding)
    q, significant = found if found is not None else (None, False)
    verdict = verdict_of(evidence, claim, significant, found is not None)
    why = _why(verdict, evidence, claim, q, significant)
    return Judged(finding, q, verdict, why)


def _why(
    verdict: Verdict, evidence: Evidence, claim: Claim, q: float | None, significant: bool
) -> str:
    """What the verdict rests on, in words."""
    side = side_of(evidence, claim.null)
    if verdict == "control failed":
        return "the control shows an effect where there is none"
    if q is None:
        reached = "no p" if claim.p is None else f"no p below {claim.floor:.2g}"
        return f"this design gives {reached}"
    if evidence.ends is None:
        return "there is no interval"
    if verdict == "inconclusive":
        effect = f"the smallest effect of interest ({claim.least:g})"
        return f"the interval holds {claim.null:g} and {effect}"
    if not side:
        return f"the interval holds {claim.null:g} and no effect of {claim.least:g}"
    if not claim.predicts(side):
        return f"the interval lies on the other side of {claim.null:g}"
    return f"the interval leaves {claim.null:g} out" + (
        "" if significant else ", but q is too large"
    )
