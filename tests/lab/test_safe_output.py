"""Text that nobody trusts, shown: no escape reaches the terminal, no formula the spreadsheet."""

import csv
import io
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from microtome.audit import Audit
from microtome.cli import main
from microtome.lab import still, tables
from microtome.lab.cells import cell
from microtome.lab.claims import Claim, Evidence, Finding
from microtome.lab.figures import BarGroup, Bars
from microtome.lab.run import run
from microtome.lab.study import Conclusion
from microtome.lab.terminal import Terminal, quiet

from .toy import Sums, Toy

ATTACK = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202etxt.exe\u2066\ud83d[bold]\r\x08"


def acting(text: str) -> set[str]:
    """Characters that do something; line feeds end our own lines."""
    return {mark for mark in text if not mark.isprintable() and mark not in "\n\u00a0"}


@pytest.fixture
def attacked(tmp_path: Path, monkeypatch: Any, capsys: Any) -> Path:
    """Two runs whose every text is an attack, in a folder where `toy` is the only study."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("microtome.studies.STUDIES", {"toy": "tests.lab.toy:Toy"})
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))

    def conclude(self: Sums, study: Toy, tables: Any, arrays: Any) -> Conclusion:
        seen = Evidence(float(study.count), 0.5, 9.0, ATTACK, 1, ATTACK, ATTACK)
        claim = Claim(p=0.001, least=0.1, above=ATTACK, false_in=ATTACK)
        found = Finding(ATTACK, seen, about="it", claim=claim)
        return Conclusion((found,), {f"table{ATTACK}": [{ATTACK: study.count}]})

    monkeypatch.setattr(Sums, "conclude", conclude)
    for count in (1, 2):
        # What a model wrote may name units; a configuration would refuse it.
        study = Toy(count=count, pictures=False, gap=1.0)
        study = study.model_copy(update={"labels": (ATTACK, "b"), "model": ATTACK})
        run(study, terminal=quiet())
    capsys.readouterr()
    return tmp_path


def called(monkeypatch: Any, capsys: Any, *arguments: str) -> str:
    monkeypatch.setattr(sys, "argv", ["microtome", *arguments])
    with pytest.raises(SystemExit):
        main()
    captured = capsys.readouterr()
    return str(captured.out + captured.err)


def test_no_command_prints_what_acts_on_a_terminal(
    attacked: Path, monkeypatch: Any, capsys: Any
) -> None:
    names = sorted(path.name for path in (attacked / "runs" / "toy").iterdir())
    for arguments in (
        ("list",), ("show", names[0]), ("show", names[0], "--evidence"), ("compare", *names),
        ("verify", names[0]),
        ("report", names[0]), ("show", ATTACK), ("run", "toy", "--count", ATTACK),
        ("run", "toy", f"--{ATTACK}"), ("run", ATTACK), (ATTACK,), ("show", ATTACK, "x"),
        ("run", "toy", "--config", ATTACK), ("run", "toy", "--model", ATTACK),
    ):  # fmt: skip
        text = called(monkeypatch, capsys, *arguments)
        assert acting(text) == set(), arguments
        if arguments[0] in ("show", "compare") and arguments[-1] != "x":
            assert "\\x1b" in text, arguments
    text = called(monkeypatch, capsys, "show", names[0])
    assert f"sums: [supported] {ATTACK.encode('unicode_escape').decode()}" in text


def test_warnings_and_failed_audits_print_nothing_that_acts(capsys: Any) -> None:
    terminal = Terminal()
    terminal.say(ATTACK)
    terminal.warn(ATTACK)
    audit = Audit(ATTACK, 1.0, 0.5, note=ATTACK)
    terminal.failed(ATTACK, [{**audit.row(), "failed": 1, "units": 2}])
    with terminal.progress(ATTACK, 2, 1):
        pass
    text = capsys.readouterr().err
    assert acting(text) == set()
    assert text.count("owned") == 6
    assert "[bold]" in text, "what looks like markup is text"


FORMULAS = (
    "=1+1",
    "+A1",
    "-A1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "=cmd|' /C calc'!A0",
    "＝1",
    "-",
    "--1",
)
HARMLESS = ("-3.5", "+2e-3", "-.5", "5%", " =1", "a=b", "", "'=1", "−3")


def test_formulas_in_a_table_become_texts_and_numbers_stay(tmp_path: Path) -> None:
    words = [*FORMULAS, *HARMLESS]
    table = tables.from_rows(
        "t", [{"=text": word, "number": -1.5 - i, "count": -i} for i, word in enumerate(words)]
    )
    frame = pd.read_csv(
        io.BytesIO(tables.to_csv(table)), keep_default_na=False, dtype={"'=text": str}
    )
    raw = list(csv.reader(io.StringIO(tables.to_csv(table).decode(), newline="")))
    assert raw[0] == ["'=text", "number", "count"]
    assert [row[0] for row in raw[1:]] == [f"'{word}" for word in FORMULAS] + list(HARMLESS)
    assert frame["number"].tolist() == [-1.5 - i for i in range(len(words))]
    assert frame["count"].tolist() == [-i for i in range(len(words))]
    path = tmp_path / "t.parquet"
    path.write_bytes(tables.to_parquet(table))
    assert tables.read_parquet(path).to_pydict()["=text"] == words, "Parquet is left alone"


def test_categories_of_a_frame_are_texts_too() -> None:
    frame = pd.DataFrame({"kind": pd.Categorical(["=1", "b", "=1"]), "n": [1, 2, 3]})
    assert tables.to_csv(tables.from_rows("t", frame)).decode().split() == [
        '"kind","n"', "\"'=1\",1", '"b",2', "\"'=1\",3",
    ]  # fmt: skip


def test_formulas_in_a_figures_values_become_texts() -> None:
    group = BarGroup("=1+1", [-1.0], [-2.0], [-0.5])
    figure = Bars("f", "T", "C.", ["@SUM(A1)"], (group,), "y", "x")
    (row,) = csv.DictReader(io.StringIO(still.csv(figure).decode()))
    assert {"'=1+1", "'@SUM(A1)", "-1.0"} <= set(row.values())


def test_a_cell_that_is_no_text_is_left_alone() -> None:
    assert [cell(value) for value in (-1, -1.5, None, True)] == [-1, -1.5, None, True]
