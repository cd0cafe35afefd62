"""A null study: how its worlds are made, which of its claims are false there, and which are not."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from microtome.lab.claims import Finding

EXCHANGES = 4
"""Worlds of one random model: as many random exchanges."""


@dataclass(frozen=True)
class NullStudy:
    """A study on tiny models of random weights, with labels exchanged as its claims' nulls say.

    `claims` maps a claim, as the study's page names it, to a pattern of "about | unit" of its
    findings; `exceptions` maps such a pattern to a claim that is not judged there, and the reason.
    """

    study: str
    null: str
    claims: Mapping[str, str]
    exceptions: Mapping[str, tuple[str, str]]
    worlds: Callable[[int, Path], Iterator[list[Finding]]]
    """From a model's number and an empty folder: the findings of each of its worlds."""

    def claim_of(self, finding: Finding) -> str | None:
        """The claim that a finding makes, None for a description or an exception."""
        if finding.claim is None:
            return None
        words = f"{finding.about} | {finding.evidence.unit}"
        names = [name for name, pattern in self.claims.items() if re.search(pattern, words)]
        if len(names) == 1:
            return names[0]
        if not names and any(re.search(one, words) for one in self.exceptions):
            return None
        raise ValueError(f"{self.study}: {words!r} is {len(names)} claims: {names}")
