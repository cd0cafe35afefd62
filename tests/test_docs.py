"""The pages of docs/ are executed: their Python and their commands."""

import pytest

from tests.documents import DOCS, executed, run_commands

PAGES = sorted({page.name for page in DOCS.glob("*.md")} - {"coming-from.md", "methods.md"})


@pytest.mark.medium
@pytest.mark.timeout(3600)
def test_methods_page_runs():
    namespace = executed((DOCS / "methods.md").read_text(), "methods.md")
    for name in ("checked", "circuit", "cut", "swapped", "sources"):
        failed = [str(a) for a in namespace[name].audit if not a.passed]
        assert failed == [], name


@pytest.mark.medium
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("page", PAGES)
def test_every_other_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (DOCS / page).read_text()
    run_commands(text, tmp_path)
    executed(text, page)
