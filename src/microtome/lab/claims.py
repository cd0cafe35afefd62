"""What a study found: a plain sentence, what it rests on, and the test that decides it.

A study asks three to six `Question`s. A `Finding` answers one of them: its `Evidence` is the number
and how sure it is, its `Claim` the test registered for it. A description (how many prompts were
read) has no claim and gets no verdict; how the others get theirs is in `verdicts.py`.
"""

import math
from dataclasses import dataclass
from typing import Any

from microtome.errors import NumericsError

_ROUNDING = 1e-9


@dataclass(frozen=True)
class Question:
    """What a reader asks of a study, in plain words; `name` is unique in the study."""

    name: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """The number of an answer with its unadjusted interval; `n` counts what it was measured on."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    n: int | None = None
    control: str = ""
    """What it was compared with, in words."""
    detail: str = ""
    """Further numbers, and what it cannot show."""

    def __post_init__(self) -> None:
        for number in (self.value, self.low, self.high):
            if number is not None and not math.isfinite(number):
                raise NumericsError(f"An answer rests on {number}, not a number.")

    @property
    def ends(self) -> tuple[float, float] | None:
        """Low and high, or None where there is no interval."""
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Claim:
    """A registered test: how the finding could be false, and what is said once it is supported.

    `above` and `below` are the answers of a supported claim whose interval lies above or below
    `null`; nothing else may name a direction. A claim with a `side` predicts it: only an interval
    there supports it.
    """

    p: float | None
    """Against `null` or the control; None where the design gives none."""
    least: float
    """Smallest effect of interest: a distance from `null`, in the evidence's unit."""
    floor: float = 0.0
    """The smallest p that the design can reach."""
    family: str = ""
    """Claims of one family are tested together by max-T and enter the correction as one."""
    null: float = 0.0
    side: int = 0
    """+1: above the null, -1: below, 0: either."""
    above: str = ""
    below: str = ""
    control_holds: bool | None = None
    """Whether the control shows nothing, as it should; None where it has no pass or fail."""
    false_in: str = ""
    """The world in which the claim is false by construction, in words."""

    def __post_init__(self) -> None:
        chances = [self.floor] if self.p is None else [self.p, self.floor]
        if not all(0 <= chance <= 1 for chance in chances):
            raise NumericsError(f"A claim has p = {self.p} and floor {self.floor}, not in 0 to 1.")
        if not (math.isfinite(self.null) and 0 < self.least < math.inf):
            raise NumericsError(
                f"A claim has null {self.null} and smallest effect {self.least}; that is above 0."
            )
        if self.side not in (-1, 0, 1):
            raise ValueError(f"A claim's side is -1, 0 or 1, got {self.side!r}.")

    def predicts(self, side: int) -> bool:
        """Whether an interval on this side of the null (+1 or -1) could support the claim."""
        return self.side in (0, side)


@dataclass(frozen=True)
class Finding:
    """The answer to a question, and what it rests on.

    `answer` is true whatever the test says: the answer of a claim names no direction, that is for
    `Claim.above` and `Claim.below`. `about` says what it is about in words that every run uses;
    with the evidence's unit it is unique in its step.
    """

    answer: str
    evidence: Evidence = Evidence()
    about: str = ""
    question: str = ""
    claim: Claim | None = None

    def __post_init__(self) -> None:
        ends, value = self.evidence.ends, self.evidence.value
        if self.claim is None or ends is None:
            return
        slack = _ROUNDING * max(map(abs, ends))
        if value is None or not ends[0] - slack <= value <= ends[1] + slack:
            raise NumericsError(f"The interval of {self.answer!r} leaves out its value {value}.")

    @classmethod
    def stated(
        cls,
        answer: str,
        value: float | None = None,
        low: float | None = None,
        high: float | None = None,
        unit: str = "",
        n: int | None = None,
        control: str = "",
        about: str = "",
        question: str = "",
        detail: str = "",
    ) -> "Finding":
        """A description, which claims nothing: no test, no verdict."""
        evidence = Evidence(value, low, high, unit, n, control, detail)
        return cls(answer, evidence, about, question)


def from_json(row: dict[str, Any]) -> Finding:
    """A finding as `steps/<step>.json` holds it, also in the form of runs without claims."""
    if "text" in row:
        return Finding.stated(row["text"], **{k: v for k, v in row.items() if k != "text"})
    claim = None if row["claim"] is None else Claim(**row["claim"])
    return Finding(row["answer"], Evidence(**row["evidence"]), row["about"], row["question"], claim)
