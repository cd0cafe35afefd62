"""The commands as a user types them: what they print, and one sentence for every mistake."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from microtome import files, studies
from microtome.cli import main

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Cli:
    """Call a command in an empty folder where `toy` is the only study."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(studies, "STUDIES", {"toy": "tests.lab.toy:Toy"})
    monkeypatch.setattr("microtome.cli.study.STUDIES", studies.STUDIES)
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent))

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["microtome", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        captured = capsys.readouterr()
        return int(stop.value.code or 0), captured.out, captured.err

    return call


def test_run_then_list_show_verify_report(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("run", "toy", "--count", "3", "--labels", "x,y", "--no-pictures")
    assert code == 0
    assert "- [supported] The squares sum to 8.5." in out
    assert "n = 3" not in out, "the run prints answers; the rest is asked for"
    assert Path(out.split("Report: ")[1].strip()).is_file()
    code, out, _ = cli("list")
    assert (code, "finished" in out, "toy/" in out) == (0, True, True)
    code, out, _ = cli("show", "toy/")
    assert code == 0
    assert "sums: [supported] The squares sum to 8.5." in out
    assert "n = 3" not in out
    assert "squares: gap" in out
    code, out, _ = cli("show", "toy/", "--evidence")
    assert code == 0
    assert "8.5 [7.5, 9.5] · n = 3" in out, "a finding's number comes with its interval and n"
    assert "supported: the interval leaves 0 out" in out
    assert "p = 0.001 · q = 0.001 · smallest effect of interest 0.5" in out
    assert "control: no squares: 0" in out
    assert "false by construction: a world without numbers" in out
    code, out, _ = cli("verify", "toy/")
    assert (code, "files are what was written" in out) == (0, True)
    (report,) = tmp_path.glob("runs/toy/*/report.html")
    before = report.read_bytes()
    report.unlink()
    assert cli("report", "toy/")[0] == 0
    assert report.read_bytes() == before
    assert "toy/" in (tmp_path / "runs/index.html").read_text()


def test_the_command_and_configuration_are_kept(cli: Cli, tmp_path: Path) -> None:
    cli("run", "toy", "--count", "2", "--no-pictures", "--seed", "7")
    (path,) = tmp_path.glob("runs/toy/*/manifest.json")
    manifest = files.read_json(path)
    command = "microtome run toy --count 2 --no-pictures --seed 7"
    assert manifest["command"] == command.split()
    assert (manifest["configuration"]["count"], manifest["seed"]) == (2, 7)
    assert command in path.with_name("report.html").read_text()


def test_a_flag_beats_the_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "toy.yaml").write_text("count: 5\nfactor: 1e-1\npictures: false\nlabels: no, yes\n")
    cli("run", "toy", "--config", "toy.yaml", "--count", "2")
    (path,) = tmp_path.glob("runs/toy/*/manifest.json")
    configuration = files.read_json(path)["configuration"]
    assert (configuration["count"], configuration["factor"]) == (2, 0.1)
    assert configuration["labels"] == ["no", "yes"]


def test_help_of_a_study_is_its_fields(cli: Cli) -> None:
    code, out, _ = cli("run", "toy", "--help")
    text = " ".join(out.split())
    assert code == 0
    for part in ("--count", "How many numbers. [default: 6]", "--labels A,B,...", "--no-pictures"):
        assert part in text
    assert "auto|float32|bfloat16|float16" in text
    code, out, _ = cli("run", "--help")
    assert (code, "squares, and what they sum to" in out) == (0, True)


def test_help_names_the_kind_of_every_value(capsys: Any) -> None:
    for name in studies.STUDIES:
        with pytest.raises(SystemExit):
            main(["run", name, "--help"])
        assert "ANNOTATED" not in capsys.readouterr().out


def test_a_study_that_needs_a_model_says_so(cli: Cli, monkeypatch: Any) -> None:
    """The only configuration that names a specimen for the user is a demonstration."""
    monkeypatch.setitem(studies.STUDIES, "dilemmas", "microtome.studies.dilemmas:Dilemmas")
    code, _, err = cli("run", "dilemmas", "--steps", "lens")
    assert code == 2
    assert err.strip().startswith("microtome: dilemmas needs model: give --model")
    assert "specimen:world" in err
    _, out, _ = cli("run", "dilemmas", "--help")
    assert "[required, here or in the file]" in " ".join(out.split())


def test_verify_names_and_repairs(cli: Cli, tmp_path: Path) -> None:
    cli("run", "toy", "--count", "3", "--no-pictures")
    unit = next(tmp_path.glob("runs/toy/*/units/squares/*"))
    good = unit.read_bytes()
    unit.write_bytes(good[:-1])
    code, out, err = cli("verify", "toy/")
    assert code == 2
    assert f"{unit.name} is damaged" in out
    assert "has 1 problems" in err
    code, out, _ = cli("verify", "toy/", "--repair")
    assert (code, "mended" in out) == (0, True)
    assert unit.read_bytes() == good


@pytest.mark.parametrize("content", ['{"steps": [{"text": "made up"}]}', "[]", "{", "{}"])
def test_damaged_findings_are_not_shown(cli: Cli, tmp_path: Path, content: str) -> None:
    cli("run", "toy", "--count", "3", "--no-pictures")
    (path,) = tmp_path.glob("runs/toy/*/findings.json")
    path.write_text(content)
    code, out, err = cli("show", "toy/")
    assert (code, "made up" in out) == (2, False)
    assert "findings.json is damaged" in err
    code, out, err = cli("list")
    assert (code, "toy/" in out) == (0, True)
    assert "findings.json is damaged" in err
    assert cli("verify", "toy/", "--repair")[0] == 0
    assert "squares sum to 8.5" in cli("show", "toy/")[1]


def test_a_refused_command_leaves_no_folder(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text("seed: true\n")
    for arguments in (
        ("--labels", "a,\udcff"), ("--labels", "a\x1b"), ("--factor", "inf"), ("--count", "1.0"),
        ("--seed", "-1"), ("--config", "wrong.yaml"), ("--output-dir", ""), ("--steps", "\x07"),
        ("--broken", "error:a0"), ("--broken", "judge:a0"),
    ):  # fmt: skip
        code, _, err = cli("run", "toy", "--no-pictures", *arguments)
        assert (code, err.count("microtome: ")) == (2, 1), arguments
        assert not list(tmp_path.glob("runs/*")), arguments
        assert sorted(path.name for path in tmp_path.iterdir() if path.name != "runs") == [
            "wrong.yaml"
        ]


def test_a_report_is_not_made_from_damaged_files(cli: Cli, tmp_path: Path) -> None:
    cli("run", "toy", "--count", "3", "--no-pictures")
    table = next(tmp_path.glob("runs/toy/*/tables/totals.parquet"))
    table.write_bytes(table.read_bytes()[:-1])
    code, _, err = cli("report", "toy/")
    assert code == 2
    assert "totals.parquet is damaged" in err
    assert "microtome verify --repair" in err


@pytest.mark.medium
def test_check_shows_every_identity_of_a_model(cli: Cli, tmp_path: Path) -> None:
    from tests.model.families import save

    save("gpt2", tmp_path / "model")
    code, out, err = cli("check", str(tmp_path / "model"))
    assert code == 0, err
    assert "reading is bitwise neutral" in out
    assert "FAILED" not in out
    code, out, _ = cli("check")
    assert (code, "torch threads" in out) == (0, True)
    assert cli("check", "nowhere/at/all")[0] == 2


def test_dry_run_predicts_and_leaves_no_run(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("run", "toy", "--dry-run", "--count", "600", "--no-pictures")
    assert code == 0
    assert "DRY RUN" in out
    assert [cell.strip() for cell in line_with(out, "squares").split("│")[1:6]] == [
        "squares", "600", "600", "6,000", "0.6 MB",
    ]  # fmt: skip
    report = Path(out.split("Its report: ")[1].strip())
    assert "Dry run." in report.read_text()
    assert list((tmp_path / "runs").glob("*")) == []


def line_with(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_demo_runs_every_study_and_lists_the_reports(cli: Cli, tmp_path: Path) -> None:
    code, out, _ = cli("demo")
    assert code == 0
    index = Path(out.split("All reports: ")[1].strip())
    assert "The squares sum to 8.5." in index.read_text()


YAML = {
    "misspelt.yaml": "count: 3\nfactro: 1\n",
    "twice.yaml": "count: 3\nseed: 1\ncount: 4\n",
    "type.yaml": "seed: 1\n\ncount: many\n",
    "list.yaml": "labels: 3\n",
    "infinite.yaml": "factor: .inf\n",
    "broken.yaml": "count: [3\n",
    "tag.yaml": "model: !!python/name:os.system\n",
}
MISTAKES = [
    (("run", "toi"), "There is no study 'toi'. Did you mean 'toy'?"),
    (("run", "toy", "--steps", "sumz"), "toy has no step 'sumz'. Did you mean 'sums'?"),
    (("run", "toy", "--cuont", "3"), "No such option: --cuont"),
    (("run", "toy", "--count", "x"), "--count: count cannot be 'x': input should be a valid"),
    (("run", "toy", "--dtype", "int8"), "--dtype: dtype cannot be 'int8': input should be 'auto',"),
    (("run", "toy", "--factor", "nan"), "--factor: factor cannot be nan: input should be a fin"),
    (("run", "toy", "extra"), "unexpected extra argument"),
    (("run", "--count", "3"), "the study comes first"),
    (("run", "toy", "--config", "none.yaml"), "The configuration file none.yaml does not exist."),
    (("run", "toy", "--config", "misspelt.yaml"),
     "misspelt.yaml, line 2: toy has no field 'factro'. Did you mean 'factor'?"),
    (("run", "toy", "--config", "twice.yaml"), "twice.yaml, line 3: 'count' is given twice"),
    (("run", "toy", "--config", "type.yaml"), "type.yaml, line 3: count cannot be 'many'"),
    (("run", "toy", "--config", "list.yaml"), "list.yaml, line 1: labels cannot be 3"),
    (("run", "toy", "--config", "infinite.yaml"), "infinite.yaml, line 1: factor cannot be inf"),
    (("run", "toy", "--config", "broken.yaml"), "broken.yaml, line 2: not valid YAML"),
    (("run", "toy", "--config", "tag.yaml"), "tag.yaml, line 1: the tag"),
    (("run", "toy", "--output-dir", "misspelt.yaml/x"), "Cannot write to misspelt.yaml/x"),
    (("run", "toy", "--broken", "error:a0", "--no-pictures"), "This number cannot be squared."),
    (("show", "nothing"), "No run 'nothing' in runs. The latest there: none yet."),
    (("verify", "../.."), "No run '../..' in runs."),
    (("report", "<script>"), "No run '<script>' in runs."),
    (("shwo", "x"), "No such command 'shwo'"),
    (("show",), "Missing argument"),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), MISTAKES, ids=lambda value: str(value)[:50])
def test_a_mistake_is_one_sentence(
    cli: Cli, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    for name, text in YAML.items():
        (tmp_path / name).write_text(text)
    code, _, err = cli(*arguments)
    assert code == 2
    assert "Traceback" not in err
    last = err.strip().splitlines()[-1]
    assert last.startswith("microtome: ")
    assert sentence in last


def test_debug_shows_where_an_error_arose(cli: Cli, tmp_path: Path, monkeypatch: Any) -> None:
    from microtome.errors import ConfigError

    monkeypatch.setattr(sys, "argv", ["microtome", "run", "toi", "--debug"])
    with pytest.raises(ConfigError):
        main()


def test_a_bug_keeps_its_traceback(cli: Cli, monkeypatch: Any) -> None:
    arguments = ["microtome", "run", "toy", "--broken", "bug:a0", "--no-pictures"]
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(KeyError):
        main()


def test_an_interrupt_says_how_to_go_on(cli: Cli, monkeypatch: Any) -> None:
    from tests.lab.toy import Squares

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Squares, "compute", stop)
    code, _, err = cli("run", "toy", "--no-pictures")
    assert code == 130
    assert "the same command goes on where it stopped" in err


def test_a_full_disk_is_one_sentence(cli: Cli, monkeypatch: Any) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        code, _, err = cli("run", "toy", "--no-pictures")
    assert code == 2
    assert "o space left on device" in err
    assert "Traceback" not in err


def test_help_answers_at_once() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "microtome", "--help"], capture_output=True, text=True
    )
    assert done.returncode == 0
    for command in ("run", "list", "show", "compare", "report", "verify", "demo", "check"):
        assert f"\n  {command} " in done.stdout
