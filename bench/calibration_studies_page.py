"""What whole studies in null worlds came to, as a section of docs/calibration.md."""

from collections.abc import Iterable, Iterator
from typing import Any

from bench.calibration_claims_page import counted
from bench.calibration_studies import STUDIES
from bench.null_studies.study import EXCHANGES, NullStudy

HEADING = "## Whole studies in null worlds"
_INTRODUCTION = f"""
The studies themselves at their smallest size: a model of two layers and random weights with the
specimen's tokenizer, every step, all tables. The weights are random, but what they write is real:
two random models do differ. So the tables are made null as the claims say (below each study), in
{EXCHANGES} random ways for every model, and the claims that are false there are judged as one run.
*Decided*: worlds in which the claim has a p that could be significant, and an interval. *False*:
worlds in which it is supported, of those in which it is made; at most 16 of 200 are allowed.
Written by

    python -m bench.calibration --studies --worlds 20 --page docs/calibration.md
"""


def section(lines: Iterable[dict[str, Any]]) -> str:
    """The section, from the worlds that were made."""
    every = list(lines)
    parts = [HEADING, _INTRODUCTION]
    for study in STUDIES:
        own = [one["claims"] for one in every if one["study"] == study.study]
        parts += [f"### {study.study.capitalize()}, {len(own)} worlds\n", f"{study.null}.\n"]
        parts += [*_table(study, own), *_exceptions(study), ""]
    return "\n".join(parts)


def _table(study: NullStudy, worlds: list[dict[str, list[int]]]) -> Iterator[str]:
    if not worlds:
        return
    yield "| claim | made in | decided in | false |"
    yield "|---|---|---|---|"
    for claim in study.claims:
        made, decided, false = (sum(one[claim][i] > 0 for one in worlds) for i in range(3))
        shown = counted(false, made) if made else "–"
        yield f"| {claim} | {made} | {decided} | {shown} |"
    any_ = sum(any(counts[2] for counts in one.values()) for one in worlds)
    yield f"| any of these | {len(worlds)} | – | {counted(any_, len(worlds))} |"


def _exceptions(study: NullStudy) -> Iterator[str]:
    yield "\nNot judged there, since random weights are no null of it or make no such claim:\n"
    for pattern, (claim, reason) in study.exceptions.items():
        assert pattern
        yield f"- {claim}: {reason}"
