"""No test asserts how long something takes: a busy or a slow machine must not turn it red."""

import ast
from collections.abc import Iterator
from pathlib import Path

CLOCKS = {"time", "monotonic", "perf_counter", "process_time", "thread_time", "now", "elapsed"}
FILES = [path for path in Path(__file__).parent.rglob("*.py") if path != Path(__file__)]


def names_of_times(tree: ast.AST) -> set[str]:
    """Variables that are assigned from a clock."""
    return {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and reads_a_clock(node.value, set())
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def reads_a_clock(node: ast.AST, times: set[str]) -> bool:
    return any(
        (isinstance(part, ast.Name) and part.id in times)
        or (
            isinstance(part, ast.Call)
            and isinstance(part.func, ast.Attribute)
            and part.func.attr in CLOCKS
            and isinstance(part.func.value, ast.Name)
            and part.func.value.id == "time"
        )
        for part in ast.walk(node)
    )


def asserted_times(source: str) -> Iterator[int]:
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            times = names_of_times(function)
            for node in ast.walk(function):
                if isinstance(node, ast.Assert) and reads_a_clock(node.test, times):
                    yield node.lineno


def test_an_asserted_time_is_seen() -> None:
    direct = "def f():\n    start = time.monotonic()\n    assert time.monotonic() - start < 20\n"
    stored = "def f():\n    took = time.perf_counter() - start\n    assert took < 20\n"
    assert list(asserted_times(direct)) == [3]
    assert list(asserted_times(stored)) == [3]
    assert list(asserted_times("def f():\n    assert call() == 3\n")) == []


def test_no_test_asserts_a_time() -> None:
    found = [f"{path}:{line}" for path in FILES for line in asserted_times(path.read_text())]
    assert found == []
