"""The pages of docs/ are executed: their Python, their commands, the files they promise."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "coming-from.md").read_text()


def blocks(kind: str, page: str = PAGE) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.M | re.S)


@pytest.mark.medium
def test_python_blocks_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    exec(compile("\n".join(blocks("python")), "coming-from.md", "exec"), namespace)  # noqa: S102
    assert len(namespace["trajectory"]) == namespace["source"].n_layers
    assert set(namespace["stats"]) == {
        "mean_delta", "std_delta", "final_delta", "final_action",
        "cooperate_layers", "defect_layers", "flip_layers",
    }  # fmt: skip
    assert len(namespace["one"].nodes) == 1
    cut, ranked = namespace["cut"], namespace["ranked"]
    assert 0 < len(cut) <= 10
    assert cut == tuple(name for name, _ in ranked[: len(cut)])
    assert not list(namespace["record"].path.glob("tables/circuits*"))


@pytest.mark.medium
def test_methods_page_runs():
    code = "\n".join(blocks("python", (DOCS / "methods.md").read_text()))
    namespace: dict[str, object] = {}
    exec(compile(code, "methods.md", "exec"), namespace)  # noqa: S102
    for name in ("checked", "circuit", "cut", "swapped", "sources"):
        failed = [str(a) for a in namespace[name].audit if not a.passed]
        assert failed == [], name


@pytest.mark.medium
def test_console_blocks_run_and_leave_the_files_of_the_table(tmp_path):
    lines = [x[2:] for b in blocks("console") for x in b.splitlines() if x.startswith("$ ")]
    for line in lines:
        done = subprocess.run(
            [sys.executable, "-m", *line.split()],
            cwd=tmp_path, capture_output=True, text=True, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    promised = re.findall(r"\| `((?:data|figures|tables)/[^`]+)`", PAGE)
    assert len(promised) > 15
    missing = [name for name in promised if not list(tmp_path.glob(f"runs/dilemmas/*/{name}"))]
    assert missing == []
