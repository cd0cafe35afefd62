"""`microtome compare`: what two runs share, told from their files alone."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microtome.cli import main
from microtome.errors import RunError
from microtome.lab.compare import compare
from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.study import Conclusion, Finding
from microtome.lab.terminal import quiet

from .reports import Hostile
from .toy import Sums, Toy

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Cli:
    """Call a command in the folder that holds the runs."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["microtome", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def toy(home: Path, **fields: Any) -> Record:
    return run(Toy(output_dir=home / "runs", pictures=False, **fields), terminal=quiet())


def line_with(text: str, word: str) -> list[str]:
    line = next(line for line in text.splitlines() if word in line)
    return [cell.strip() for cell in line.strip("│┃ ").split("│")]


def test_two_runs_differ_by_what_was_changed(cli: Cli, tmp_path: Path) -> None:
    one, two = toy(tmp_path), toy(tmp_path, factor=3.0)
    code, out, err = cli("compare", one.path.name, two.folder.id)
    assert (code, err) == (0, "")
    assert line_with(out, "factor") == ["factor", "1.5", "3.0"]
    totals = [float(record.table("squares")["square"].sum()) for record in (one, two)]
    expected = f"{totals[1] - totals[0]:+.3g}, intervals apart"
    assert line_with(out, "The squares sum to")[-1] == expected
    assert line_with(out, "│ squares") == ["squares", "6", "6", "square"]
    assert line_with(out, "│ totals") == ["totals", "1", "1", "total"]
    assert "1 of 3 tables are the same in every column." in out
    assert "seed" not in out


def test_overlapping_intervals_are_called_so(tmp_path: Path) -> None:
    (pairing,) = compare(toy(tmp_path).folder, toy(tmp_path, factor=1.51).folder).findings
    assert pairing.apart is False
    assert pairing.difference == pytest.approx(0.01 * sum(n**2 for n in range(6)))


def test_a_run_equals_itself_and_its_twin_elsewhere(cli: Cli, tmp_path: Path) -> None:
    one, two = toy(tmp_path), toy(tmp_path / "elsewhere")
    for other in (one, two):
        code, out, _ = cli("compare", str(one.path), str(other.path))
        assert code == 0
        assert "Configuration, provenance and versions are the same." in out
        assert line_with(out, "The squares sum to")[2:] == ["the same"]
        assert "3 of 3 tables are the same in every column." in out
        assert "Tables that differ" not in out


def test_what_only_one_run_has_is_named(tmp_path: Path) -> None:
    whole, part = toy(tmp_path), toy(tmp_path, steps=("squares",), count=3)
    found = compare(whole.folder, part.folder)
    (alone,) = found.findings
    assert (alone.right, alone.difference, alone.apart) == (None, None, None)
    assert {t.name: (t.left_rows, t.right_rows) for t in found.tables} == {
        "lengths": (2, None), "squares": (6, 3), "totals": (1, None),
    }  # fmt: skip
    (squares,) = [t for t in found.tables if t.name == "squares"]
    assert squares.columns == ("label", "number", "square")
    assert [s.name for s in found.settings] == ["count"]


def test_findings_are_paired_by_subject_not_by_place(tmp_path: Path, monkeypatch: Any) -> None:
    said = [
        [
            Finding.stated("Strategic leans to defect, 2.0.", 2.0, about="strategic"),
            Finding.stated("Moral leans to defect, 1.0.", 1.0, about="moral"),
            Finding.stated("Layer 3 settles, 3.", 3.0, unit="layer"),
        ],
        [
            Finding.stated("Layer 5 settles, 5.", 5.0, unit="layer"),
            Finding.stated("Moral leans to cooperate, -1.0.", -1.0, about="moral"),
            Finding.stated("Strategic leans to defect, 2.5.", 2.5, about="strategic"),
            Finding.stated("Moral leans to defect, 1.0.", 1.0, about="moral", unit="other"),
        ],
    ]
    records = []
    for seed, findings in enumerate(said):
        conclusion = Conclusion(findings)
        monkeypatch.setattr(Sums, "conclude", lambda *_, c=conclusion: c)
        records.append(toy(tmp_path, seed=seed).folder)
    pairings = compare(*records).findings
    assert [pairing.difference for pairing in pairings] == [0.5, -2.0, 2.0, None]
    assert pairings[3].left is None


def test_provenance_and_marks_are_shown(cli: Cli, tmp_path: Path) -> None:
    whole = toy(tmp_path)
    study = Toy(output_dir=tmp_path / "dry", pictures=False, model="other", gap=1.0)
    dry = run(study, terminal=quiet(), dry_run=True)
    code, out, _ = cli("compare", str(whole.path), str(dry.path))
    assert code == 0
    assert line_with(out, "provenance.model") == ["provenance.model", "specimen:none", "other"]
    marks = next(line for line in out.splitlines() if line.startswith("B: "))
    assert "DRY RUN, its numbers mean nothing" in marks
    assert "1 audit failed" in marks


def test_hostile_words_are_printed_as_they_are(cli: Cli, tmp_path: Path) -> None:
    one, two = (toy(tmp_path, labels=("[red]", label)) for label in ("[/]", "[bold]"))
    code, out, _ = cli("compare", str(one.path), str(two.path))
    assert code == 0
    assert line_with(out, "labels") == ["labels", "[red], [/]", "[red], [bold]"]


def test_mistakes_are_one_sentence(cli: Cli, tmp_path: Path) -> None:
    one = toy(tmp_path)
    other = run(Hostile(output_dir=tmp_path / "runs", attack=False), terminal=quiet())
    broken = toy(tmp_path, factor=2.0)
    manifest = broken.path / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 42', '"seed": 43', 1))
    for arguments, sentence in (
        (("nothing", one.folder.id), "No run 'nothing' in runs."),
        ((one.folder.id, "toy/2"), "names 2 runs"),
        ((one.folder.id,), "Missing argument"),
        ((one.folder.id, other.folder.id), "compare two runs of the same study."),
        ((one.folder.id, broken.folder.id), "manifest.json is damaged"),
    ):
        code, _, err = cli("compare", *arguments)
        assert code == 2
        assert err.startswith("microtome: ")
        assert sentence in err
        assert "Traceback" not in err
    with pytest.raises(RunError, match="is a run of toy and hostile/"):
        compare(one.folder, other.folder)
