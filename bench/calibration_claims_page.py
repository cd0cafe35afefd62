"""What the simulated claims came to, as a section of docs/calibration.md."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.stats import beta

from bench.calibration_claims import Blocks
from bench.claims.everything import STUDIES, WORLDS
from bench.claims.world import World
from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.verdicts import judge

HEADING = "## Claims of the studies"
ENOUGH = 0.8
_INTRODUCTION = """
Every registered claim of the three studies, on tables in which it is false by construction and on
tables with an effect of a stated size. A table goes to the function that makes the study's finding,
the finding alone to the rule of verdicts ([runs](runs.md#verdicts)). *False*: how many null tables
have the claim supported, with Clopper and Pearson's 95 % interval. 5 % is promised; a claim that
also predicts a side, or asks for two tests, reaches less. *Power*: the share of tables in which an
effect of this size is supported, of {planted} tables each. The last column is the least of the
tried sizes from which on the power is {enough}, in the unit named; the study's page repeats it
beside the claim. Written by

    python -m bench.calibration --claims --page docs/calibration.md

No table can support a claim whose design gives no p (the largest of many in a single scenario, a
circuit without held-out wordings, a ratio whose denominator may be 0), nor the claim that any
feature differs where none is significant on the pairs to select on, which has no interval. They
are inconclusive whatever is measured, so they are not simulated.
"""
_RUNS = """
### All claims of a run

The same tables, one of each claim, judged as the claims of one run. Without any effect a run should
have a supported claim in at most 5 % of cases. With the largest effect of the tables above planted
in every second claim, at most 5 % of the supported claims should be false (mean over runs).
"""
_HEAD = (
    "| study | claims | runs | any supported, no effect | half planted: false among supported "
    "| planted ones supported |\n|---|---|---|---|---|---|"
)


@dataclass(frozen=True)
class Tried:
    """Counts of one world: false claims of tables, and "supported, tables" of planted effects."""

    world: World
    false: int
    tables: int
    planted: Mapping[float, tuple[int, int]]

    @property
    def enough(self) -> float | None:
        """The least effect from which on the power is enough."""
        found = None
        for effect in reversed(self.world.effects):
            hits, tables = self.planted.get(effect, (0, 1))
            if hits < ENOUGH * tables:
                break
            found = effect
        return found


def tried(worlds: Iterable[World], blocks: Blocks) -> list[Tried]:
    """The worlds that were simulated, their blocks summed up."""
    found = []
    for world in worlds:
        counts: dict[float, tuple[int, int]] = {}
        for one in blocks.get(world.key, {}).values():
            for effect, hits, tables in one["counts"]:
                before = counts.get(effect, (0, 0))
                counts[effect] = before[0] + hits, before[1] + tables
        if counts:
            found.append(Tried(world, *counts.pop(0.0), counts))
    return found


def section(blocks: Blocks) -> str:
    """The section, from whatever was simulated."""
    every = tried(WORLDS, blocks)
    planted = min((n for one in every for _, n in one.planted.values()), default=0)
    parts = [HEADING, _INTRODUCTION.format(planted=planted, enough=ENOUGH)]
    for study in STUDIES:
        own = [one for one in every if one.world.study == study]
        parts += [f"### {study.capitalize()}\n", *_table(own), ""]
    return "\n".join([*parts, _RUNS.lstrip(), _HEAD, *_runs(blocks), ""])


def stated(page: str, every: Iterable[Tried]) -> str:
    """A study's page, whose last cell beside a claim says which effect has enough power."""
    lines = page.split("\n")
    for one in every:
        claim = f"| {_cell(one.world.claim)}"
        rows = [i for i, line in enumerate(lines) if line.startswith(claim)]
        for i in rows if one.world.effects else ():
            lines[i] = "| ".join([*lines[i].split("| ")[:-1], f"{_enough(one)} |"])
    return "\n".join(lines)


def ends(hits: int, n: int) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval of a share."""
    low = beta.ppf(0.025, hits, n - hits + 1) if hits else 0.0
    high = beta.ppf(0.975, hits + 1, n - hits) if hits < n else 1.0
    return float(low), float(high)


def counted(hits: int, n: int) -> str:
    """ "31 of 2,000 (1.1 to 2.2 %)"."""
    low, high = ends(hits, n)
    return f"{hits} of {n:,} ({100 * low:.1f} to {100 * high:.1f} %)"


def _table(every: Iterable[Tried]) -> Iterator[str]:
    yield "| claim | false by construction | n | false | power at | power 0.8 from |"
    yield "|---|---|---|---|---|---|"
    for one in every:
        cells = (one.world.claim, one.world.null, one.world.n, counted(one.false, one.tables),
                 _power(one.planted))  # fmt: skip
        yield f"| {' | '.join(map(_cell, cells))} | {_enough(one)} |"


def _enough(one: Tried) -> str:
    return "–" if one.enough is None else f"{one.enough:g} {_cell(one.world.unit)}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _power(planted: Mapping[float, tuple[int, int]]) -> str:
    shown = [f"{effect:g}: {hits / tables:.2f}" for effect, (hits, tables) in planted.items()]
    return ", ".join(shown) or "–"


def _runs(blocks: Blocks) -> Iterator[str]:
    for study in STUDIES:
        # A claim's second null is another world of the same claim.
        own = [one for one in WORLDS if one.study == study and one.effects]
        shared = set.intersection(*(set(blocks.get(one.key, {})) for one in own))
        if not shared:
            continue
        runs = [run for number in sorted(shared) for run in _judged(own, blocks, number)]
        any_, false, power = (sum(column) / len(runs) for column in zip(*runs, strict=True))
        yield (
            f"| {study} | {len(own)} | {len(runs):,} | {100 * any_:.1f} % | {100 * false:.1f} % "
            f"| {100 * power:.0f} % |"
        )


def _judged(
    worlds: Sequence[World], blocks: Blocks, number: int
) -> Iterator[tuple[float, float, float]]:
    """Of each run in a block: any false claim; false among supported and power, half planted."""
    null, planted = (
        [blocks[one.key][number][kind] for one in worlds] for kind in ("null", "planted")
    )
    for i in range(len(null[0])):
        nothing = _supported([own[i] for own in null])
        mixed = [
            planted[k][i % len(planted[k])] if k % 2 == 0 else null[k][i]
            for k in range(len(worlds))
        ]
        found = _supported(mixed)
        false, true = sum(found[1::2]), sum(found[::2])
        yield float(any(nothing)), false / max(1, false + true), true / len(found[::2])


def _supported(claims: Sequence[Any]) -> list[bool]:
    """Which of these claims, as `calibration_claims.claim_of` has them, a run would support."""
    findings = [
        Finding("", Evidence(1.0, 0.5 if shown else -0.5, 1.5), claim=Claim(p=p, least=1.0))
        for p, shown in claims
    ]
    return [one.verdict == "supported" for one in judge(findings)]
