"""docs/coming-from.md by section: the Python, the commands, the files they promise."""

import re

import pytest

from tests.documents import DOCS, commands, executed, run_commands

SECTIONS = {
    section.split("→")[1].split("`")[1]: section
    for section in re.split(r"^## ", (DOCS / "coming-from.md").read_text(), flags=re.M)[1:]
}


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
@pytest.mark.parametrize("study", SECTIONS)
def test_console_blocks_run_and_leave_the_files_of_the_table(study, tmp_path):
    page = SECTIONS[study]
    assert commands(page)
    run_commands(page, tmp_path)
    promised = re.findall(r"\| `((?:data|figures|tables)/[^`]+)`", page)
    assert promised
    missing = [name for name in promised if not list(tmp_path.glob(f"runs/*/*/{name}"))]
    assert missing == []
