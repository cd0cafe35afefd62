"""The mutation runner: what it changes, what it leaves alone, and that its verdicts are right."""

import ast
from pathlib import Path

import pytest

import mutants_try
from mutants_map import Map
from mutants_operators import functions, mutations
from mutants_sample import EQUIVALENT, NAMED, equivalents, files_of, mutant, named, sampled
from mutants_table import counts, score, table
from mutants_try import attempt, chosen

ROOT = Path(__file__).parents[1]


def changes(source: str) -> set[str]:
    """Every mutated text of a function whose body is `source`, without the function's head."""
    whole = f"def f(a, b) -> float:\n    {source}\n"
    found = {m.apply(whole).split("\n", 1)[1].strip() for m in mutations(whole)}
    for text in found:
        ast.parse(text.replace("return", "x ="))
    return found


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = a < b", {"x = (a <= b)", "x = (a >= b)"}),
        ("x = a in b", {"x = (a not in b)"}),
        ("x = a * b", {"x = (a / b)"}),
        ("x = a - b", {"x = (a + b)", "x = (b - a)"}),
        ("x = 3", {"x = 2", "x = 4"}),
        ("x = 0.5", {"x = 1.0"}),
        ("x = 64", {"x = 128"}),
        ("x = a and b", {"x = (a or b)"}),
        ("x = not a", {"x = (a)"}),
        ("return a", {"return -(a)"}),
        ("a.append(b)", {"pass"}),
        ("a += b", {"pass", "a -= b"}),
        ("x = a(key=b)", {"x = (a())"}),
        ("x = a[b:]", {"x = a[(b + 1):]", "x = a[(b - 1):]"}),
        ("x = min(a, b)", {"x = (max(a, b))"}),
        ("x = a.amax(-1)", {"x = (a.amin(-1))", "x = a.amax(-2)", "x = a.amax(-0)"}),
        ("x = True", {"x = False"}),
        ("x = [i for i in a if i]", {"x = [i for i in a if (not (i))]"}),
    ],
)
def test_every_operator_changes_what_it_is_named_for(source: str, expected: set[str]) -> None:
    assert changes(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        '"""At most 3."""',
        "x: 'Float[Tensor, 3]' = a",
        'raise ValueError(f"{a - 1} of 3")',
        "assert a > 3",
        'x = f"{a - 1:.3f}"',
        'print("done", 3)',
        "x = zip(a, b, strict=True)",
        "x = a.to(device=b)",
        "@cache(maxsize=8)\n    def g(): x = a",
    ],
)
def test_texts_types_errors_messages_and_guards_stay(source: str) -> None:
    assert changes(source) == set()


def test_a_change_in_a_line_of_any_script_lands_where_it_should() -> None:
    source = 'x = "σ² ≤ 日本" + str(a - 1)\n'
    assert 'x = "σ² ≤ 日本" + str((1 - a))\n' in {m.apply(source) for m in mutations(source)}


def test_every_line_knows_its_function() -> None:
    source = "x = 1\n\nclass A:\n    def f(self):\n        return 1\n    y = 2\n"
    assert functions(source) == ["", "", "A", "A.f", "A.f", "A", ""]


def test_the_sample_is_that_of_its_seed_and_one_a_line() -> None:
    first = sampled(ROOT, 20, 0, ["statistics", "findings"])
    assert first == sampled(ROOT, 20, 0, ["statistics", "findings"])
    assert first != sampled(ROOT, 20, 1, ["statistics", "findings"])
    assert len({(m.file, m.line) for m in first}) == 40 == len({m.key for m in first})
    for one in first:
        before = (ROOT / one.file).read_text()
        ast.parse(one.source(before))
        assert one.source(before) != before


def test_an_edit_elsewhere_draws_no_other_lines(tree: Path) -> None:
    path = tree / "src/microtome/methods/sums.py"
    body = "".join(f"def f{i}(a, b):\n    return a * {i} - b\n" for i in range(60))
    path.write_text(body)
    first = {m.key for m in sampled(tree, 30, 0, ["methods"])}
    path.write_text("# A comment.\n" + body + "def g(a, b):\n    return a / b\n")
    assert len(first & {m.key for m in sampled(tree, 30, 0, ["methods"])}) >= 29
    assert len(first & {m.key for m in sampled(tree, 30, 1, ["methods"])}) < 29


def test_findings_are_the_studies_without_their_figures_and_costs() -> None:
    names = {str(path.relative_to(ROOT)) for path in files_of(ROOT, "findings")}
    assert "src/microtome/studies/dilemmas/effects.py" in names
    assert not [name for name in names if "figures" in name or "costs" in name]


def test_the_named_mutants_stand_in_the_code() -> None:
    found = named(ROOT)
    assert len({one.name for one in found}) == len(found) >= 18, NAMED
    for one in found:
        ast.parse(one.source((ROOT / one.file).read_text()))


def test_what_is_called_equivalent_still_stands_in_the_code_and_has_a_reason() -> None:
    for key, reason in equivalents().items():
        file, _, text, _ = key.split(" | ", 3)
        assert text in (ROOT / file).read_text(), f"{EQUIVALENT}: {key}"
        assert len(reason.split()) >= 4, key


SUM = '''"""A sum."""


def total(values: list[float], start: float = 0) -> float:
    """All values and the start."""
    while start < 0:
        start += 1
    return start + sum(values)


def spare(values: list[float]) -> float:
    return max(values)
'''
TESTS = """from microtome.methods.sums import total


def test_nothing():
    assert total([]) == 0


def test_three():
    assert total([1, 2]) == 3


def test_negative():
    assert total([1], -2) == 1
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A package of one module with its tests."""
    for name, text in {
        "src/microtome/__init__.py": "", "src/microtome/methods/__init__.py": "",
        "src/microtome/methods/sums.py": SUM, "tests/test_sums.py": TESTS,
    }.items():  # fmt: skip
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tree"


def known() -> Map:
    """What a measured map would hold."""
    names = [f"tests/test_sums.py::test_{name}" for name in ("nothing", "three", "negative")]
    file = "src/microtome/methods/sums.py"
    whole = {"return start + sum(values)", "while start < 0:"}
    executed = {name: {file: [f"total: {text}" for text in whole]} for name in names}
    executed[names[2]][file].append("total: start += 1")
    tests = {name: {"passed": True, "fixtures": [], "seconds": 0.01 * i}
             for i, name in enumerate(names)}  # fmt: skip
    found = Map()
    found.add({"tests": tests, "fixtures": {}, "executed": executed, "modules": []})
    return found


@pytest.mark.parametrize(
    ("change", "verdict", "killer"),
    [
        ("start + sum(values) -> (start - sum(values))", "killed", "three"),
        ("start < 0 -> (start <= 0)", "killed", "nothing"),
        ("start += 1 -> pass", "out of time", ""),
        ("max(values) -> (min(values))", "survived", ""),  # no test calls it
    ],
)
def test_mutants_of_a_small_package_get_their_verdicts(
    tree: Path, monkeypatch: pytest.MonkeyPatch, change: str, verdict: str, killer: str
) -> None:
    monkeypatch.setattr(mutants_try, "GRACE", 2.0)
    path = tree / "src/microtome/methods/sums.py"
    (mutation,) = [m for m in mutations(SUM) if f"{m.before} -> {m.after}" == change]
    one = mutant(tree, "methods", path, mutation)
    found = attempt(tree, known(), one, 0.9)
    assert (found.verdict, found.killer.rpartition("test_")[2]) == (verdict, killer)
    assert path.read_text() == SUM
    assert attempt(tree, known(), one, 0.9, control=True).verdict == "survived"


def test_a_line_is_looked_for_in_its_function_and_then_in_its_file() -> None:
    file, tests = "src/microtome/methods/sums.py", known()
    only, more, none = tests.seen_by(file, "total", "    start += 1")
    assert only == {"tests/test_sums.py::test_negative"}
    assert len(more) == 2
    assert none == set()
    assert tests.seen_by(file, "total", "new = 1") == (set(), only | more, set())
    assert tests.seen_by(file, "", "X = 1") == (set(), set(), only | more)
    assert not any(tests.seen_by("src/microtome/other.py", "f", "x"))


def test_tests_beyond_the_budget_are_left_out(tree: Path) -> None:
    path, tests = tree / "src/microtome/methods/sums.py", known()
    tests.seconds["tests/test_sums.py::test_three"] = 5.0
    one = mutant(tree, "methods", path, next(m for m in mutations(SUM) if "sum(" in m.before))
    assert [len(lot) for lot in chosen(tests, one, 1.0)] == [2]
    assert [len(lot) for lot in chosen(tests, one, 6.0)] == [3]
    assert list(chosen(tests, one, 0.1)) == []


def test_a_quick_test_goes_before_those_of_a_long_fixture(tree: Path) -> None:
    path, tests = tree / "src/microtome/methods/sums.py", known()
    nothing, three, negative = sorted(tests.seconds, key=tests.seconds.__getitem__)
    tests.fixtures["whole run"] = 20.0
    tests.needs[nothing] = tests.needs[three] = ["whole run"]
    one = mutant(tree, "methods", path, next(m for m in mutations(SUM) if "sum(" in m.before))
    assert list(chosen(tests, one, 10.0)) == [[negative]]
    assert [len(lot) for lot in chosen(tests, one, 22.0)] == [3]


def test_the_table_counts_what_it_says() -> None:
    ends = ["killed"] * 6 + ["out of time", "survived", "unseen", "survived"]
    found = [{"stratum": "model", "verdict": v, "key": str(i)} for i, v in enumerate(ends)]
    count = counts(found, {"9": "because", "0": "killed after all"})
    assert count == {
        "mutants": 10, "killed": 6, "out of time": 1, "survived": 2, "equivalent": 1,
    }  # fmt: skip
    assert score(count) == pytest.approx(7 / 9)
    assert table(found, {}).splitlines()[-1] == "| all | 10 | 6 | 1 | 3 | 0 | 70% |"
