"""The verdict is what the rule says, whatever is found: against a second writing of the rule."""

import math
from dataclasses import replace

import numpy as np
import pytest

from microtome.errors import NumericsError
from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.verdicts import judge

RATE = 0.05
ABOVE, BELOW = "It rises by {}.", "It falls by {}."
PLAIN = "How it moves is not shown: {}."
RUNS = 300


def finding(rng: np.random.Generator, families: int) -> Finding:
    """A claim of random ends, p, floor, side and control; one of nine is a description."""
    null, least = rng.choice([0.0, 0.5, 1.0]), rng.choice([0.05, 0.3, 2.0])
    value = null + rng.normal(0, 1)
    ends = value - rng.exponential(0.7), value + rng.exponential(0.7)
    shown = Evidence(value, *(ends if rng.random() < 0.9 else (None, None)))
    if rng.random() < 1 / 9:
        return Finding(PLAIN.format(value), shown)
    k = rng.integers(1, 201) if rng.random() < 0.5 else rng.integers(1, 4)
    claim = Claim(
        p=None if rng.random() < 0.1 else k / 200, least=least, null=null,
        floor=float(rng.choice([0, 0, 0, 0.005, 0.0625])),
        family=f"f{rng.integers(families)}" if rng.random() < 0.5 else "",
        side=int(rng.integers(-1, 2)), above=ABOVE.format(value), below=BELOW.format(value),
        control_holds=[None, None, True, False][rng.integers(4)],
    )  # fmt: skip
    return Finding(PLAIN.format(value), shown, claim=claim)


def due_p(one: Finding) -> float:
    """p, or 1 where the control or the interval rules support out."""
    claim, shown = one.claim, one.evidence
    if claim.control_holds is False or shown.low is None:
        return 1.0
    above, below = shown.low > claim.null, shown.high < claim.null
    return claim.p if (above and claim.side >= 0) or (below and claim.side <= 0) else 1.0


def due_discoveries(findings: list[Finding]) -> set[int]:
    """Benjamini-Hochberg over families, then Benjamini-Bogomolov, written as in the papers."""
    slack = 1e-12
    groups: dict[object, list[int]] = {}
    for i, one in enumerate(findings):
        if one.claim and one.claim.p is not None and one.claim.floor <= RATE:
            groups.setdefault(one.claim.family or i, []).append(i)
    p = {i: due_p(findings[i]) for own in groups.values() for i in own}
    least = sorted(min(p[i] for i in own) for own in groups.values())
    m = len(least)
    chosen = max((k for k in range(1, m + 1) if least[k - 1] <= RATE * k / m + slack), default=0)
    bound = RATE * chosen / m if m else 0.0
    return {i for own in groups.values() for i in own if chosen and p[i] <= bound + slack}


def due_verdict(one: Finding, discovered: bool) -> str | None:
    """Section by section: control, support, doubt, rest."""
    claim, shown = one.claim, one.evidence
    if claim is None:
        return None
    if claim.control_holds is False:
        return "control failed"
    if shown.low is None or claim.p is None or claim.floor > RATE:
        return "inconclusive"
    inside = {
        x: shown.low <= x <= shown.high
        for x in (claim.null, claim.null + claim.least, claim.null - claim.least)
    }
    predicted = claim.side == 0 or math.copysign(1, shown.low - claim.null) == claim.side
    if discovered and predicted and not inside[claim.null]:
        return "supported"
    of_interest = [claim.null + s * claim.least for s in (1, -1) if claim.side in (0, s)]
    if inside[claim.null] and any(inside[x] for x in of_interest):
        return "inconclusive"
    return "not supported"


def test_the_verdict_of_random_findings_is_the_rules() -> None:
    rng, seen = np.random.default_rng(11), set()
    for _ in range(RUNS):
        findings = [finding(rng, 4) for _ in range(rng.integers(1, 25))]
        discoveries = due_discoveries(findings)
        for i, judged in enumerate(judge(findings, RATE)):
            assert judged.verdict == due_verdict(findings[i], i in discoveries), judged
            assert (judged.q is not None and judged.q <= RATE + 1e-9) == (i in discoveries)
            seen.add((judged.verdict, i in discoveries))
    assert len(seen) == 5, "every verdict; discovered is what is supported, and nothing else"
    assert ("supported", True) in seen


def test_text_and_number_agree_and_nothing_rises_or_falls_over_the_null() -> None:
    rng, directed = np.random.default_rng(12), 0
    for _ in range(RUNS):
        findings = [finding(rng, 4) for _ in range(rng.integers(1, 25))]
        for judged in judge(findings, RATE):
            shown, claim = judged.finding.evidence, judged.finding.claim
            if not ("rises" in judged.answer or "falls" in judged.answer):
                continue
            assert judged.verdict == "supported"
            assert claim is not None
            up = "rises" in judged.answer
            assert (shown.low > claim.null) if up else (shown.high < claim.null)
            assert up == (shown.value > claim.null)
            directed += 1
    assert directed > 100


def test_a_p_that_equals_its_bound_counts_as_reaching_it() -> None:
    one = Claim(p=1 / 200, least=1.0, floor=1 / 200)
    rest = [Claim(p=0.9, least=1.0)] * 9
    findings = [Finding("x", Evidence(2.0, 1.0, 3.0), claim=claim) for claim in (one, *rest)]
    assert judge(findings, 0.05)[0].verdict == "supported"
    assert judge([*findings, findings[-1]], 0.05)[0].verdict == "not supported", "1 of 11: q = .055"


def test_what_cannot_be_decided_costs_the_others_nothing() -> None:
    good = Finding("x", Evidence(2.0, 1.0, 3.0), claim=Claim(p=0.03, least=1.0))
    hopeless = replace(good, claim=Claim(p=0.0625, floor=0.0625, least=1.0))
    found = judge([good, *[hopeless] * 20], 0.05)
    assert (found[0].verdict, found[0].q) == ("supported", 0.03)
    assert {one.verdict for one in found[1:]} == {"inconclusive"}
    assert found[1].q is None
    assert found[1].why == "this design gives no p below 0.062"
    assert judge([hopeless], 0.1)[0].verdict == "supported", "at a level that it can reach"


def test_a_member_needs_more_than_its_familys_best() -> None:
    ends = Evidence(2.0, 1.0, 3.0)
    heads = [Finding("x", ends, claim=Claim(p=p, least=1, family="heads")) for p in (0.001, 0.04)]
    other = [Finding("x", ends, claim=Claim(p=p, least=1)) for p in (0.5, 0.6, 0.7)]
    assert [one.verdict for one in judge([*heads, *other])][:2] == ["supported", "not supported"]
    assert judge([*heads, *other])[1].q == pytest.approx(0.04 * 4), "one of four families chosen"
    alone = [replace(one, claim=replace(one.claim, family="")) for one in heads]
    assert judge(alone)[1].verdict == "supported"


def normal(rng: np.random.Generator, mean: float, **fields) -> Finding:
    """A mean of standard error 1 with its interval and two-sided p."""
    x = mean + rng.standard_normal()
    p = math.erfc(abs(x) / math.sqrt(2))
    return Finding("x", Evidence(x, x - 1.96, x + 1.96), claim=Claim(p=p, least=1.0, **fields))


@pytest.mark.parametrize("fields", [{"control_holds": False}, {"side": -1}])
def test_claims_that_are_ruled_out_do_not_make_room_for_false_ones(fields: dict) -> None:
    """20 clear effects that cannot be supported beside 20 nulls: as discoveries they would lend
    the nulls their level, and in 40 of 100 runs all that is supported would be false."""
    rng, runs = np.random.default_rng(5), 0
    for _ in range(100):
        nulls = [normal(rng, 0.0) for _ in range(20)]
        found = judge([*nulls, *(normal(rng, 6.0, **fields) for _ in range(20))])
        runs += any(one.verdict == "supported" for one in found)
        assert all((one.q <= RATE) == (one.verdict == "supported") for one in found)
    assert runs <= 10


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"p": 1.2, "least": 1}, "not in 0 to 1"), ({"p": float("nan"), "least": 1}, "p = nan"),
        ({"p": 0.1, "least": 0}, "above 0"), ({"p": 0.1, "least": 1, "floor": -1}, "floor -1"),
        ({"p": 0.1, "least": 1, "null": float("inf")}, "null inf"),
    ],
)  # fmt: skip
def test_a_claim_that_is_no_test_is_refused(fields: dict, why: str) -> None:
    with pytest.raises(NumericsError, match=why):
        Claim(**fields)


def test_a_claims_interval_holds_its_value() -> None:
    claim = Claim(p=0.1, least=1)
    with pytest.raises(NumericsError, match="leaves out its value"):
        Finding("x", Evidence(3.0, 1.0, 2.0), claim=claim)
    with pytest.raises(NumericsError, match="rests on nan"):
        Evidence(float("nan"))
    assert Finding("x", Evidence(2.0, 2.0, 2.0), claim=claim).evidence.ends == (2.0, 2.0)
