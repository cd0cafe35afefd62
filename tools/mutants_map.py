"""Which tests execute which lines, measured once by coverage.py with a context for every test.

A line is known by its file, its function and its text, so that the map outlives edits elsewhere.
What a fixture of a module or session executes counts for every test that asks for the fixture.
"""

from __future__ import annotations

import json
import resource
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from mutants_operators import functions

PACKAGE = "src/microtome"


def cpu_seconds() -> float:
    """Of this process and of those that it has awaited."""
    used = [resource.getrusage(r) for r in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


class Contexts:
    """A pytest plugin that tells coverage which test or shared fixture is running."""

    def __init__(self, measured: Any) -> None:
        self.measured = measured
        self.tests: dict[str, dict[str, Any]] = {}
        self.fixtures: dict[str, float] = defaultdict(float)
        self.context: list[str] = []

    def enter(self, context: str) -> None:
        self.context.append(context)
        self.measured.switch_context(context)

    def leave(self) -> None:
        self.context.pop()
        if self.context:
            self.measured.switch_context(self.context[-1])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[Any]:
        shared = [
            _named(definition)
            for definitions in item._fixtureinfo.name2fixturedefs.values()
            for definition in definitions[-1:]
            if definition.scope != "function"
        ]
        start, fixtures = cpu_seconds(), sum(self.fixtures.values())
        self.tests[item.nodeid] = {"passed": True, "fixtures": shared}
        self.enter(item.nodeid)
        try:
            return (yield)
        finally:
            self.leave()
            inside = sum(self.fixtures.values()) - fixtures
            self.tests[item.nodeid]["seconds"] = round(cpu_seconds() - start - inside, 3)

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.tests[report.nodeid]["passed"] &= report.outcome == "passed"

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[Any]:
        if fixturedef.scope == "function":
            return (yield)
        name, start = _named(fixturedef), cpu_seconds()
        nested = sum(self.fixtures.values())
        self.enter(name)
        try:
            return (yield)
        finally:
            self.leave()
            nested = sum(self.fixtures.values()) - nested
            self.fixtures[name] += cpu_seconds() - start - nested


def _named(definition: Any) -> str:
    return f"fixture:{definition.baseid}:{definition.argname}"


def measure(tree: Path, test_file: str, target: Path) -> int:
    """Run one file of tests under coverage, in this process; writes its part of the map."""
    import coverage

    measured = coverage.Coverage(data_file=None, source=[str(tree / PACKAGE)], config_file=False)
    plugin = Contexts(measured)
    measured.start()
    options = ["-q", "-p", "no:cacheprovider", "-m", "not slow", "--timeout=0"]
    code = int(pytest.main([*options, test_file], plugins=[plugin]))
    measured.stop()
    data = measured.get_data()
    executed: dict[str, dict[str, list[int]]] = {}
    for file in data.measured_files():
        name = str(Path(file).relative_to(tree))
        for line, contexts in data.contexts_by_lineno(file).items():
            for context in filter(None, contexts):
                executed.setdefault(context, {}).setdefault(name, []).append(line)
    part = {
        "code": code,
        "tests": plugin.tests,
        "fixtures": dict(plugin.fixtures),
        "executed": {
            context: {name: _lines(tree / name, lines) for name, lines in files.items()}
            for context, files in executed.items()
        },
        "modules": sorted(sys.modules),
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(part))
    return code


@cache
def _described(path: Path) -> list[str]:
    """Every line of a file as 'function: text'."""
    source = path.read_text()
    return [
        f"{function}: {text.strip()}"
        for function, text in zip(functions(source), source.split("\n"), strict=True)
    ]


def _lines(path: Path, numbers: list[int]) -> list[str]:
    described = _described(path)
    return sorted({described[number - 1] for number in numbers})


@dataclass
class Map:
    """Tests by line, by function and by file, each with its CPU seconds."""

    seconds: dict[str, float] = field(default_factory=dict)
    fixtures: dict[str, float] = field(default_factory=dict)
    needs: dict[str, list[str]] = field(default_factory=dict)
    lines: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    modules: set[str] = field(default_factory=set)

    def add(self, part: dict[str, Any]) -> None:
        asking = defaultdict(list)
        for test, told in part["tests"].items():
            if told["passed"]:
                self.seconds[test] = told.get("seconds", 0.0)
                self.needs[test] = told["fixtures"]
                for fixture in told["fixtures"]:
                    asking[fixture].append(test)
        self.fixtures |= part["fixtures"]
        self.modules |= set(part["modules"])
        for context, files in part["executed"].items():
            tests = asking[context] if context.startswith("fixture:") else [context]
            tests = [test for test in tests if test in self.seconds]
            for name, lines in files.items():
                keys = {key for line in lines for key in _keys(name, line)}
                for key in keys:
                    self.lines[key].update(tests)

    def seen_by(self, file: str, function: str, text: str) -> tuple[set[str], ...]:
        """Tests that execute the line, then more that execute its function, then its file.

        What stands at the top of a module or class is executed by whichever test loads it first,
        and seen by any that uses the file.
        """
        seen: set[str] = set()
        lots = []
        for key in _keys(file, f"{function}: {text.strip()}"):
            lots.append(self.lines.get(key, set()) - seen)
            seen |= lots[-1]
        return tuple(lots)


def _keys(file: str, line: str) -> tuple[str, str, str]:
    return f"{file}|{line}", f"{file}|{line.split(':', 1)[0]}", file


def load(folder: Path) -> Map:
    """All parts that were measured so far."""
    found = Map()
    for path in sorted(folder.glob("*.json")):
        found.add(json.loads(path.read_text()))
    return found
