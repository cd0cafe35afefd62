"""The pages of docs/ are executed: their Python, their commands, the files they promise."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[1] / "docs"
SECTIONS = {
    section.split("→")[1].split("`")[1]: section
    for section in re.split(r"^## ", (DOCS / "coming-from.md").read_text(), flags=re.M)[1:]
}

PAGES = sorted({page.name for page in DOCS.glob("*.md")} - {"coming-from.md", "methods.md"})


def blocks(kind: str, page: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", page, re.M | re.S)


def executed(page: str, name: str) -> dict[str, Any]:
    """The names that the page's Python blocks, run one after the other, leave behind."""
    namespace: dict[str, Any] = {}
    exec(compile("\n".join(blocks("python", page)), name, "exec"), namespace)  # noqa: S102
    return namespace


def commands(page: str) -> list[str]:
    return [x[2:] for b in blocks("console", page) for x in b.splitlines() if x.startswith("$ ")]


def run_commands(page: str, folder: Path) -> None:
    for line in commands(page):
        done = subprocess.run(
            [sys.executable, "-m", *line.split()],
            cwd=folder, capture_output=True, text=True, timeout=500,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.medium
@pytest.mark.parametrize("study", sorted(set(SECTIONS) - {"dilemmas"}))
def test_python_blocks_run(study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(executed(SECTIONS[study], f"coming-from.md ({study})")) > 3


@pytest.mark.medium
def test_the_dilemmas_blocks_give_what_the_original_gave(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = executed(SECTIONS["dilemmas"], "coming-from.md (dilemmas)")
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
    namespace = executed((DOCS / "methods.md").read_text(), "methods.md")
    for name in ("checked", "circuit", "cut", "swapped", "sources"):
        failed = [str(a) for a in namespace[name].audit if not a.passed]
        assert failed == [], name


@pytest.mark.medium
@pytest.mark.parametrize("page", PAGES)
def test_every_other_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    run_commands(text, tmp_path)
    executed(text, page)


@pytest.mark.medium
@pytest.mark.parametrize("study", SECTIONS)
def test_console_blocks_run_and_leave_the_files_of_the_table(study, tmp_path):
    page = SECTIONS[study]
    assert commands(page)
    run_commands(page, tmp_path)
    promised = re.findall(r"\| `((?:data|figures|tables)/[^`]+)`", page)
    assert promised
    missing = [name for name in promised if not list(tmp_path.glob(f"runs/*/*/{name}"))]
    assert missing == []
