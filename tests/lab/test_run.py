"""What a run promises when nothing goes wrong: one folder, no work done twice, the same values."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from microtome import files
from microtome.errors import ConfigError, PromptError, RunError
from microtome.lab.listing import lines
from microtome.lab.run import conclude, run
from microtome.lab.store import RunFolder, find_run
from microtome.lab.study import Product, Unit
from microtome.lab.terminal import quiet
from microtome.lab.units import pack, unpack
from microtome.lab.verify import verify

from .toy import Squares, Toy


def toy(tmp_path: Path, **fields: Any) -> Toy:
    fields = {"pictures": False, "journal": tmp_path / "journal", **fields}
    return Toy(output_dir=tmp_path / "runs", **fields)


def computed(tmp_path: Path) -> list[str]:
    journal = tmp_path / "journal"
    lines = journal.read_text().splitlines() if journal.exists() else []
    journal.unlink(missing_ok=True)
    return [line.split()[0] for line in lines]


def test_a_run_holds_what_its_units_yield(tmp_path: Path) -> None:
    record = run(toy(tmp_path, count=3), terminal=quiet())
    squares = record.table("squares")
    assert squares["square"].tolist() == [1.5 * n**2 + 1 / 3 for n in range(3)]
    assert record.findings[0]["evidence"]["value"] == squares["square"].sum()
    assert files.read_json(record.path / "data/total.json")["total"] == squares["square"].sum()
    powers = safetensors.numpy.load_file(record.path / "arrays/powers.safetensors")
    np.testing.assert_array_equal(powers["a2"], 2 * powers["b1"])
    assert record.manifest.status == "finished"
    assert record.manifest.peak_memory_bytes > 1e7
    assert verify(record.folder).sound


def test_the_same_configuration_finds_its_run_and_computes_nothing(tmp_path: Path) -> None:
    first = run(toy(tmp_path), terminal=quiet())
    assert len(computed(tmp_path)) == 6
    old = first.path.rename(first.path.with_name("20200101" + first.path.name[8:]))
    again = run(toy(tmp_path), terminal=quiet())
    assert again.path == old
    assert computed(tmp_path) == []
    assert run(toy(tmp_path, factor=2.0), terminal=quiet()).path != old
    assert len(computed(tmp_path)) == 6


def test_time_and_memory_of_each_step_are_kept_and_reported(tmp_path: Path) -> None:
    record = run(toy(tmp_path, count=3, delay=0.05), terminal=quiet())
    squares, sums = record.manifest.steps["squares"], record.manifest.steps["sums"]
    assert squares.seconds >= 0.15
    assert sums.seconds > 0
    assert 1e7 < squares.peak_memory_bytes <= sums.peak_memory_bytes
    assert sums.peak_memory_bytes <= record.manifest.peak_memory_bytes
    report = record.folder.report.read_text()
    assert f'<td>squares</td><td class="n">3</td><td class="n">{squares.seconds:.1f}</td>' in report
    assert f"{squares.peak_memory_bytes / 2**30:.2f} GiB" in report
    again = run(toy(tmp_path, count=3, delay=0.05), terminal=quiet())
    assert again.manifest.steps["squares"].seconds == squares.seconds
    assert again.folder.report.read_text() == report


def test_a_raised_version_computes_the_step_anew(tmp_path: Path, monkeypatch) -> None:
    run(toy(tmp_path), terminal=quiet())
    computed(tmp_path)
    monkeypatch.setattr(Squares, "version", 2)
    run(toy(tmp_path), terminal=quiet())
    assert len(computed(tmp_path)) == 6


def test_steps_done_one_by_one_land_in_one_run(tmp_path: Path) -> None:
    whole = run(toy(tmp_path / "whole"), terminal=quiet())
    one = run(toy(tmp_path, steps=("squares",)), terminal=quiet())
    assert list(one.manifest.steps) == ["squares"]
    two = run(toy(tmp_path, steps=("sums",)), terminal=quiet())
    assert two.path == one.path
    assert len(computed(tmp_path)) == 6
    assert two.manifest.columns == whole.manifest.columns
    names = set(whole.manifest.artifacts) - {"report.html"}
    assert {n: two.manifest.artifacts[n].sha256 for n in names} == {
        n: whole.manifest.artifacts[n].sha256 for n in names
    }


def test_a_needed_step_is_done_too(tmp_path: Path) -> None:
    record = run(toy(tmp_path, steps=("sums",)), terminal=quiet())
    assert list(record.manifest.steps) == ["squares", "sums"]


def test_unknown_step_and_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no step 'sum'\. Did you mean 'sums'\?"):
        run(toy(tmp_path, steps=("sum",)), terminal=quiet())
    record = run(toy(tmp_path), terminal=quiet())
    home = tmp_path / "runs"
    for name in (str(record.path), record.folder.id, record.path.name[-8:], "toy/"):
        assert find_run(name, home).path == record.path
    with pytest.raises(RunError, match=r"No run 'xyz'.*The latest there: toy/"):
        find_run("xyz", home)


def test_a_users_error_keeps_what_is_done(tmp_path: Path) -> None:
    with pytest.raises(PromptError):
        run(toy(tmp_path, broken="error:a4"), terminal=quiet())
    assert computed(tmp_path) == ["a0", "b1", "a2", "b3", "a4"]
    (line,) = lines(tmp_path / "runs")
    folder = find_run(line.id, tmp_path / "runs")
    assert (line.status, folder.manifest().error) == ("failed", "This number cannot be squared.")
    run(toy(tmp_path), terminal=quiet())
    assert computed(tmp_path) == ["a4", "b5"]
    assert folder.manifest().status == "finished"
    assert folder.manifest().error == ""


def test_a_run_refused_before_anything_was_computed_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(PromptError):
        run(toy(tmp_path, broken="error:a0"), terminal=quiet())
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_run_that_stopped_early_still_has_a_report(tmp_path: Path) -> None:
    with pytest.raises(PromptError):
        run(toy(tmp_path, broken="error:a4"), terminal=quiet())
    folder = find_run(lines(tmp_path / "runs")[0].id, tmp_path / "runs")
    conclude(folder, folder.manifest())
    text = folder.report.read_text()
    assert "Step squares is not here" in text
    assert "This number cannot be squared." in text
    assert "No step has concluded anything yet." in text


def test_two_configurations_of_one_short_hash_keep_apart(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("microtome.lab.store._SHORT", 0)
    first = run(toy(tmp_path), terminal=quiet())
    with pytest.raises(RunError, match="another configuration"):
        run(toy(tmp_path, factor=9.0), terminal=quiet())
    assert verify(first.folder).sound


def test_a_bug_marks_the_run_and_keeps_its_type(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        run(toy(tmp_path, broken="bug:a0"), terminal=quiet())
    (line,) = lines(tmp_path / "runs")
    assert find_run(line.id, tmp_path / "runs").manifest().error == "KeyError: 'x'"


def test_two_processes_do_not_write_one_run(tmp_path: Path) -> None:
    record = run(toy(tmp_path), terminal=quiet())
    with record.folder.locked(), pytest.raises(RunError, match="Another process"):
        run(toy(tmp_path), terminal=quiet())


def test_failed_audits_are_shown_and_counted(tmp_path: Path, capsys) -> None:
    record = run(toy(tmp_path, gap=1e-3))
    assert "audit failed squares: gap: 0.001 <= 1e-06 FAILED, in 6 of 6 units" in (
        capsys.readouterr().err
    )
    assert files.read_json(record.path / "findings.json")["failed_audits"] == 1
    assert lines(tmp_path / "runs")[0].failed_audits == 1
    assert "1 audit failed" in record.folder.report.read_text()


def test_a_number_that_is_none_is_flagged(tmp_path: Path, monkeypatch) -> None:
    def nan(self: Squares, unit: Unit, warm: Any, study: Toy) -> Product:
        value = float("nan") if unit.name == "b1" else 1.0
        rows = [{"label": unit.name, "number": 1, "square": value}]
        return Product({"squares": rows}, {"powers": np.ones(1)})

    monkeypatch.setattr(Squares, "compute", nan)
    audits = run(toy(tmp_path, factor=3.0), terminal=quiet()).audits
    (flag,) = [audit for audit in audits if not audit["passed"]]
    assert (flag["name"], flag["failed_in"]) == ("numbers that are not finite", ["b1"])


def test_what_is_read_is_what_was_computed() -> None:
    unit = Unit("u", {"n": 1})
    rows = [{"i": 1, "f": 0.1 + 0.2, "b": True, "none": None, "s": "é\u2028", "nan": float("nan")}]
    arrays = {"x": np.arange(6.0).reshape(2, 3).T, "i": np.array([1], np.int8)}
    back = unpack(pack("k", unit, Product({"t": rows}, arrays)), "k")
    assert repr(back.tables["t"]) == repr(rows)
    for name, array in arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array)
        assert back.arrays[name].dtype == array.dtype


def test_dry_and_real_runs_are_told_apart(tmp_path: Path) -> None:
    record = run(toy(tmp_path), terminal=quiet(), dry_run=True)
    assert record.manifest.dry_run
    assert files.read_json(record.path / "findings.json")["dry_run"] is True
    assert "Dry run." in record.folder.report.read_text()
    assert len(computed(tmp_path)) == 2


def test_an_interrupt_is_recorded(tmp_path: Path, monkeypatch) -> None:
    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Squares, "compute", stop)
        with pytest.raises(KeyboardInterrupt):
            run(toy(tmp_path), terminal=quiet())
    (line,) = lines(tmp_path / "runs")
    assert line.status == "interrupted"
    assert run(toy(tmp_path), terminal=quiet()).manifest.status == "finished"


def test_a_table_is_asked_for_by_name(tmp_path: Path) -> None:
    record = run(toy(tmp_path), terminal=quiet())
    with pytest.raises(RunError, match=r"no table 'square'\. Did you mean 'squares'\?"):
        record.table("square")
    assert isinstance(RunFolder(record.path).manifest().versions["numpy"], str)
