"""One mutant: the tests most likely to see it, run in a copy of the tree that holds the change."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mutants_fork import forked
from mutants_map import Map
from mutants_sample import Mutant

GRACE = 30.0
"""CPU seconds beyond four times the budget after which a mutant is out of time."""
LONG = 3.0
"""CPU seconds from which on a test may have filled a cache that others of its file use."""
COLLECTING = 0.4
"""CPU seconds that a file of tests costs before its first test."""


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant: killed, out of time, survived, unseen, or no verdict at all."""

    verdict: str
    killer: str = ""
    tests: int = 0
    seconds: float = 0.0


class FirstFailure:
    """A pytest plugin that writes the first failure into a file."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def note(self, report: Any) -> None:
        if report.failed and not self.target.exists():
            self.target.write_text(json.dumps(report.nodeid or "collecting"))

    pytest_runtest_logreport = note
    pytest_collectreport = note


def chosen(tests: Map, mutant: Mutant, budget: float) -> Iterator[list[str]]:
    """Node ids in lots: those that execute the line, then its function, then its file."""
    stem, seen = Path(mutant.file).stem, set[str]()
    for lot in tests.seen_by(mutant.file, mutant.function, mutant.text):
        near = (lot | _neighbours(tests, lot)) - seen
        seen |= near
        taken, budget = _within(tests, near, stem, budget)
        if taken:
            yield _by_file(tests, taken)


def _neighbours(tests: Map, lot: Iterable[str]) -> set[str]:
    """The other tests of a file in which a long one may have computed what all of them read."""
    files = {test.split("::")[0] for test in lot if tests.seconds[test] > LONG}
    return {test for test in tests.seconds if test.split("::")[0] in files}


def _within(tests: Map, lot: Iterable[str], stem: str, budget: float) -> tuple[list[str], float]:
    """As many as the CPU seconds allow, of many files rather than of few; what is left."""
    taken: list[str] = []
    paid: set[str] = set()
    for test in _ranked(tests, lot, stem):
        new = {test.split("::")[0], *tests.needs[test]} - paid
        cost = tests.seconds[test] + sum(tests.fixtures.get(name, COLLECTING) for name in new)
        if cost <= budget:
            taken.append(test)
            paid |= new
            budget -= cost
    return taken, budget


def _ranked(tests: Map, lot: Iterable[str], stem: str) -> list[str]:
    """Those that are quick with all their fixtures come first: of the module's own file of tests,
    then the quickest of each file, the second quickest, and so on."""
    ranks: dict[str, int] = defaultdict(int)
    alone = {
        test: tests.seconds[test] + sum(tests.fixtures.get(name, 0.0) for name in tests.needs[test])
        for test in lot
    }
    keyed = []
    for test in sorted(alone, key=lambda t: (alone[t], t)):
        file = test.split("::")[0]
        keyed.append((alone[test] > LONG, stem not in file, ranks[file], alone[test], test))
        ranks[file] += 1
    return [test for *_, test in sorted(keyed)]


def _by_file(tests: Map, taken: list[str]) -> list[str]:
    """The quickest file first, and a file's tests together."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in taken:
        files[test.split("::")[0]].append(test)
    cost = {file: sum(tests.seconds[test] for test in lot) for file, lot in files.items()}
    return [test for file in sorted(files, key=lambda f: (cost[f], f)) for test in files[file]]


@contextmanager
def changed(tree: Path, mutant: Mutant | None) -> Iterator[None]:
    """The tree with the mutant in it; its file's time is no other file's, so no cache serves it."""
    if mutant is None:
        yield
        return
    path = tree / mutant.file
    source, status = path.read_bytes(), path.stat()
    try:
        path.write_text(mutant.source(source.decode()))
        os.utime(path, (mutant.number, mutant.number))
        yield
    finally:
        path.write_bytes(source)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def attempt(
    tree: Path, tests: Map, mutant: Mutant, budget: float, *, control: bool = False
) -> Verdict:
    """Run the chosen tests until one fails; `control` runs them on the tree as it is."""
    lots, spent = list(chosen(tests, mutant, budget)), 0.0
    with changed(tree, None if control else mutant):
        for lot in lots:
            ending = _run(tree, lot, 4 * budget + GRACE)
            if ending.verdict == "no verdict":  # names of tests that the mutant itself has changed
                files = list(dict.fromkeys(test.split("::")[0] for test in lot))
                ending = _run(tree, files, 10 * budget + GRACE)
            spent += ending.seconds
            if ending.verdict != "survived":
                return Verdict(ending.verdict, ending.killer, len(lot), round(spent, 2))
    verdict = "survived" if lots else "unseen"
    return Verdict(verdict, "", sum(map(len, lots)), round(spent, 2))


def _run(tree: Path, lot: list[str], cpu: float) -> Verdict:
    first, log = tree.with_suffix(".failure"), tree.with_suffix(".log")
    first.unlink(missing_ok=True)
    base = f"--basetemp={tree.with_suffix('.tmp')}"
    options = ["-x", "-q", "-p", "no:cacheprovider", "--timeout=0", "--tb=short", base]

    def work() -> int:
        return int(pytest.main([*options, *lot], plugins=[FirstFailure(first)]))

    ending = forked(work, tree, log, cpu)
    if ending.code == 0:
        return Verdict("survived", seconds=ending.seconds)
    if ending.code == -1:
        return Verdict("out of time", seconds=ending.seconds)
    if first.exists():
        return Verdict("killed", json.loads(first.read_text()), seconds=ending.seconds)
    if "while loading conftest" in log.read_text():
        return Verdict("killed", "conftest", seconds=ending.seconds)
    return Verdict("no verdict", log.read_text()[-500:], seconds=ending.seconds)
