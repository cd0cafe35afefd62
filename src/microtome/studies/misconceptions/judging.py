"""The verdict of a feature and its three parts: predicts, causes, specific.

    predicts   on held-out pairs it differs between the members, towards its side
    causes     without it alone Δ moves as predicted, by more than under matched random atoms
    specific   "of the voice": the markers carry it outside the physics too; "specific": they do
               not, nor do the beliefs of a feature that was found on beliefs

All are measured on held-out pairs of the contrast that found the feature (`candidates.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from microtome.lab.claims import Claim, Evidence
from microtome.lab.verdicts import verdict_of
from microtome.statistics import Interval, Level, mean
from microtome.studies.misconceptions.ablate_findings import LEAST_NATS
from microtome.studies.misconceptions.candidates import HELD_OUT, Candidate
from microtome.studies.misconceptions.contrasting import Sides
from microtome.studies.misconceptions.factoring import (
    CONTENT,
    DOMAIN,
    UNDECIDED,
    VOICE,
    Effects,
    effects,
    signed,
)

SPECIFIC = "specific"
_SPECIFIC = {DOMAIN: SPECIFIC, CONTENT: SPECIFIC}
_PARTS = {"supported": "yes", "not supported": "no", "inconclusive": UNDECIDED}
_SETS = 20
"""Exchanged sets of the control."""


@dataclass(frozen=True)
class Judgement:
    """A candidate with its three parts; `cause` is its row of ablations (with q_random)."""

    candidate: Candidate
    effects: Effects
    crossed: Interval | None
    cause: Mapping[str, Any]
    alpha: float

    @property
    def predicts(self) -> str:
        """yes, no or undecided."""
        own = self.effects.inside
        claim = Claim(p=own.p, least=self.candidate.least, side=1)
        return _part(own.value, own.ends, claim, self.effects.replicated, decidable=True)

    @property
    def causes(self) -> str:
        """yes, no or undecided."""
        row = self.cause
        ends = None if row["low"] is None else (row["low"], row["high"])
        claim = Claim(p=row["p_random"], least=LEAST_NATS, side=int(row["predicted"]))
        significant, decidable = (row[name] <= self.alpha for name in ("q_random", "smallest_p"))
        return _part(row["mean_change"], ends, claim, significant, decidable)

    @property
    def specific(self) -> str:
        """of the voice, specific, of voice and content, of the words, or undecided."""
        return specific(self.effects)

    @property
    def complete(self) -> bool:
        """Whether it predicts, causes, and is either of the voice or specific."""
        sure = self.specific in (VOICE, SPECIFIC)
        return sure and self.predicts == self.causes == "yes"

    @property
    def p(self) -> float:
        """p of all three parts together: the largest of theirs (intersection–union test)."""
        if self.specific not in (VOICE, SPECIFIC):
            return 1.0
        known = [one.p for one in self.effects.carried.values() if one is not None]
        cause = max(self.cause["p_random"], self.cause["p_change"] or 0.0)
        parts = [self.effects.inside.p, cause, *known]
        return max(1.0 if p is None else p for p in parts)


def specific(found: Effects) -> str:
    """The third part: a feature of the stated content or of the domain is specific to physics."""
    return _SPECIFIC.get(found.verdict, found.verdict)


def _part(
    value: float, ends: tuple[float, float] | None, claim: Claim, significant: bool, decidable: bool
) -> str:
    low, high = ends or (None, None)
    return _PARTS[verdict_of(Evidence(value, low, high), claim, significant, decidable)]


def effects_of(chosen: Sequence[Candidate], sides: Mapping[str, Sides], at: Level) -> list[Effects]:
    """Effects of every candidate on held-out pairs by role, all at one stricter level."""
    return [
        effects(
            [(one.feature, one.side)], sides[HELD_OUT[one.by]], sides.get("elsewhere"),
            sides.get("content") if one.by == "voice" else None, at,
            words=sides.get("content_elsewhere"), by=one.by, tests=len(chosen),
        )[0]
        for one in chosen
    ]  # fmt: skip


def crossed_of(one: Candidate, sides: Mapping[str, Sides], at: Level) -> Interval | None:
    """The effect where the belief stands against the voice: below 0 it follows the voice."""
    there = sides.get("crossed")
    return None if there is None else mean(signed(one.feature, one.side, there), at=at)


def exchanged_verdicts(
    chosen: Sequence[Candidate], sides: Mapping[str, Sides], at: Level
) -> tuple[int, int]:
    """The control: how many verdicts "of the voice" or "specific" exchanged labels still get."""
    rng, given = np.random.default_rng(at.seed), 0
    strict = replace(at, level=1 - at.alpha / max(1, len(chosen)))
    for _ in range(_SETS):
        other = {role: exchange_labels(own, rng) for role, own in sides.items()}
        for one in chosen:
            own = mean(signed(one.feature, one.side, other[HELD_OUT[one.by]]), at=strict)
            if own.excludes() and own.value > 0:
                (found,) = effects_of([one], other, strict)
                given += found.verdict != UNDECIDED
    return given, _SETS * len(chosen)


def exchange_labels(own: Sides, rng: np.random.Generator) -> Sides:
    """The members of about half of the pairs exchanged."""
    kept = (rng.random(len(own.pairs)) < 0.5)[:, None]
    return replace(
        own,
        correct=np.where(kept, own.correct, own.misconception),
        misconception=np.where(kept, own.misconception, own.correct),
    )
