"""The pages of docs/ are executed: their Python and their commands."""

import ast
from pathlib import Path

import pytest

import microtome
from tests.documents import DOCS, executed, run_commands

PAGES = sorted({page.name for page in DOCS.glob("*.md")} - {"coming-from.md", "methods.md"})


def said(path: Path) -> list[str]:
    """What a module may say to its user: its strings, without docstrings unless it is the CLI's."""
    tree = ast.parse(path.read_text())
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in alone or path.match("cli/__init__.py")
    ]


def test_pages_help_and_warnings_do_not_say_anew():
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.md")]
    texts = {page: [page.read_text()] for page in pages}
    texts |= {path: said(path) for path in Path(microtome.__file__).parent.rglob("*.py")}
    assert len(texts) > 100
    found = [path.name for path, ones in texts.items() if "anew" in " ".join(ones).lower()]
    assert found == []


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
