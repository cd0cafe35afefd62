"""Mutation testing: are the tests such that a wrong line would be seen?

    python tools/mutants.py map                      once: which test executes which line
    python tools/mutants.py run                      sampled mutants, seed 0, 62 a stratum
    python tools/mutants.py named                    those of tools/mutants_named.yaml
    python tools/mutants.py control                  the chosen tests on the unchanged tree
    python tools/mutants.py table | survivors

Each mutant is one small change in a copy of the tree; the tests that execute its line run there,
the quickest first, until one fails. All is kept in `.mutants/`; a run that was stopped goes on.
`map` needs coverage.py (`pip install coverage`).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # before any library is loaded
os.environ.setdefault("OMP_NUM_THREADS", "1")

import mutants_map
from mutants_fork import ROOT, copy_tree, forked, preload
from mutants_sample import STRATA, Mutant, equivalents, named, sampled
from mutants_table import DEAD, table
from mutants_try import attempt

WORK = ROOT / ".mutants"
FIRST = ("torch", "transformers", "peft", "pandas", "sklearn", "matplotlib.pyplot", "coverage")
ELSEWHERE = ("browser", "test_kills", "test_readme", "test_docs", "test_coming_from", "test_world")
"""Tests in other processes or of other things than the strata."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def part_of(tree: Path, path: Path) -> Path:
    """Where the part of the map that is of a file of tests lies, as that file stands."""
    name = str(path.relative_to(tree)).replace("/", "-")
    return WORK / "map" / f"{name}-{hashlib.sha256(path.read_bytes()).hexdigest()[:16]}.json"


def measure(tree: Path, wanted: Sequence[str]) -> None:
    """Complete the map: test files that are new or were changed."""
    preload(FIRST)
    for path in sorted((tree / "tests").rglob("test_*.py")):
        name, part = str(path.relative_to(tree)), part_of(tree, path)
        if part.exists() or any(word in name for word in ELSEWHERE):
            continue
        if wanted and not any(word in name for word in wanted):
            continue
        for old in part.parent.glob(f"{part.name[:-21]}*.json"):
            old.unlink()
        work = partial(mutants_map.measure, tree, name, part)
        ending = forked(work, tree, WORK / "map.log", 3600)
        print(f"{name}: {ending.seconds:.1f} s, exit {ending.code}", flush=True)


def known_map(tree: Path) -> mutants_map.Map:
    """The parts of the map that are of the test files as they stand."""
    found = mutants_map.Map()
    for path in sorted((tree / "tests").rglob("test_*.py")):
        part = part_of(tree, path)
        if part.exists():
            found.add(json.loads(part.read_text()))
    if not found.seconds:
        raise SystemExit("There is no map of the tests: run `python tools/mutants.py map` first.")
    return found


def rows(path: Path) -> dict[str, dict[str, Any]]:
    """The last verdict on every mutant, by its key."""
    lines = path.read_text().splitlines() if path.exists() else []
    return {row["key"]: row for row in map(json.loads, lines)}


def settle(tree: Path, wanted: list[Mutant], log: Path, arguments: argparse.Namespace) -> None:
    """Try every mutant that has no verdict yet, or survived and is to be tried again."""
    tests = known_map(tree)
    preload([*FIRST, *sorted(tests.modules)])
    for mutant in wanted:
        old = rows(log).get(mutant.key)
        if old and not (arguments.again and old["verdict"] not in DEAD):
            continue
        verdict = attempt(tree, tests, mutant, arguments.budget, control=log.stem == "control")
        row = {**asdict(mutant), **asdict(verdict), "key": mutant.key}
        del row["mutation"], row["replaced"]
        with log.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{verdict.verdict}: {mutant.file}:{mutant.line} {mutant.name or mutant.change}")
        print(f"    {verdict.tests} tests, {verdict.seconds} s {verdict.killer}", flush=True)


def share_of(wanted: list[Mutant], share: str) -> list[Mutant]:
    part, of = map(int, share.split("/"))
    return wanted[part::of]


def verdicts(log: Path, wanted: list[Mutant]) -> Iterator[dict[str, Any]]:
    found = rows(log)
    for mutant in wanted:
        if mutant.key in found:
            yield {**found[mutant.key], "line": mutant.line}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("what", choices=["map", "run", "named", "control", "table", "survivors"])
    parser.add_argument("only", nargs="*", help="map: parts of file names; else names of strata")
    parser.add_argument("--each", type=int, default=62, help="mutants of a stratum")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--budget", type=float, default=15.0, help="CPU seconds of tests a mutant")
    parser.add_argument("--again", action="store_true", help="try again what survived")
    parser.add_argument("--share", default="0/1", help="0/2 and 1/2 side by side on two cores")
    arguments = parser.parse_args()
    if arguments.what == "map":
        measure(copy_tree(WORK / "tree-map"), arguments.only)
        return
    tree = copy_tree(WORK / f"tree{arguments.share.replace('/', 'of')}")
    strata = [stratum for stratum in STRATA if stratum in arguments.only or not arguments.only]
    log = WORK / ("named.jsonl" if arguments.what == "named" else "verdicts.jsonl")
    wanted = sampled(tree, arguments.each, arguments.seed, strata)
    if arguments.what == "named":
        wanted = named(tree)
    if arguments.what == "control":
        log, wanted = WORK / "control.jsonl", wanted[:: max(1, len(wanted) // 30)]
    if arguments.what in ("run", "named", "control"):
        settle(tree, share_of(wanted, arguments.share), log, arguments)
    found = list(verdicts(log, wanted))
    if arguments.what == "survivors":
        for row in found:
            if row["verdict"] not in DEAD and row["key"] not in equivalents():
                print(f"{row['file']}:{row['line']} {row['verdict']}\n    {row['change']}")
    else:
        print(table(found, equivalents()))


if __name__ == "__main__":
    main()
