"""The README's Python and console examples run as they are printed, and every --help answers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
COMMANDS = [
    "",
    "run",
    "run dilemmas",
    "run misconceptions",
    "run sampling",
    "dictionary",
    "dictionary inspect",
    "dictionary convert",
    "dictionary train",
    "dictionary score",
    "dictionary features",
    "list",
    "show",
    "compare",
    "contrast",
    "report",
    "verify",
    "check",
    "demo",
]


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", README, re.M | re.S)


def microtome(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "microtome", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.mark.medium
def test_python_examples_run():
    code = "\n".join(blocks("python"))
    assert "mt.patch" in code
    namespace: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), namespace)  # noqa: S102
    audits = [*namespace["split"].audit, *namespace["swap"].audit, *namespace["lens"].audit]
    assert audits
    assert all(audit.passed for audit in audits)


@pytest.mark.medium
@pytest.mark.timeout(3600)
def test_console_examples_run(tmp_path):
    lines = [x[2:] for b in blocks("console") for x in b.splitlines() if x.startswith("$ ")]
    assert len(lines) >= 4
    for line in lines:
        words = line.split()
        assert words[0] == "microtome"
        done = microtome(words[1:], tmp_path)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.medium
@pytest.mark.parametrize("command", COMMANDS)
def test_help_answers(command, tmp_path):
    done = microtome([*command.split(), "--help"], tmp_path)
    assert done.returncode == 0
    assert "Usage" in done.stdout


def test_named_files_exist():
    root = Path(__file__).parents[1]
    linked = re.findall(r"\]\(([^)#]+)\)", README)
    assert linked
    assert [name for name in linked if not (root / name).exists()] == []
