"""How often the studies' claims are supported in tables of their null, and of planted effects.

Each table goes to the function that makes the study's finding, and the finding to the rule of
`microtome.lab.verdicts`, first alone and then among all claims of its study. Results are one line
per block of a world, so that a killed run goes on.
"""

import json
import time
import warnings
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.claims.world import World
from microtome.lab.claims import Finding
from microtome.lab.verdicts import RATE, decidable, judge, verdict_of

BLOCK, PLANTED = 100, 5
"""Null tables of a block, and tables of each planted effect."""
Blocks = dict[str, dict[int, dict[str, Any]]]


def rng_of(world: World, effect: float, number: int) -> np.random.Generator:
    """The numbers of one block of tables, alone reproducible."""
    return np.random.default_rng([zlib.crc32(f"{world.key} | {effect:g}".encode()), number])


def supported(finding: Finding) -> bool:
    """Whether the rule supports it as the only claim of a run."""
    (one,) = judge([finding])
    return one.verdict == "supported"


def claim_of(finding: Finding) -> tuple[float | None, bool]:
    """p (None where nothing could decide it), and whether the rest of the rule supports it."""
    claim = finding.claim
    if claim is None:
        return None, False
    shown = verdict_of(finding.evidence, claim, significant=True, decidable=True) == "supported"
    return (claim.p if decidable(claim, RATE) else None), shown


def block(world: World, number: int) -> dict[str, Any]:
    """One block: how many of its tables are supported, and the claims for runs of the study."""
    started = time.process_time()
    counts: list[list[float]] = []
    claims: dict[str, list[tuple[float | None, bool]]] = {}
    for effect in (0.0, *world.effects):
        rng = rng_of(world, effect, number)
        size = BLOCK if effect == 0 else PLANTED
        found = [world.draw(rng, effect) for _ in range(size)]
        counts.append([effect, sum(map(supported, found)), size])
        if effect in (0, *world.effects[-1:]):
            claims["planted" if effect else "null"] = [claim_of(one) for one in found]
    seconds = round(time.process_time() - started, 2)
    return {"world": world.key, "block": number, "counts": counts, **claims, "seconds": seconds}


def simulate(worlds: Sequence[World], tables: int, path: Path) -> None:
    """Run every block that is missing, all worlds in turn."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read(path)
    with _plain_strings():
        for number in range(-(-tables // BLOCK)):
            for world in worlds:
                if number in known[world.key]:
                    continue
                known[world.key][number] = one = block(world, number)
                with path.open("a") as file:
                    file.write(json.dumps(one) + "\n")
                print(f"{one['seconds']:6.1f} s  {world.key}  {number}", flush=True)


@contextmanager
def _plain_strings() -> Iterator[None]:
    """Strings of tables as Python's own where pandas can: faster in tables of a few rows."""
    before = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(KeyError, AttributeError):
            before = pd.get_option("future.infer_string")
            pd.set_option("future.infer_string", False)
        yield
        if before is not None:
            pd.set_option("future.infer_string", before)


def read(path: Path) -> Blocks:
    """Blocks by world and number; a half-written last line is left out."""
    found: Blocks = defaultdict(dict)
    for one in lines(path):
        found[one["world"]][one["block"]] = one
    return found


def lines(path: Path) -> Iterable[dict[str, Any]]:
    """The whole lines of a file of results; nothing where there is none."""
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue
