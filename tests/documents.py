"""What a page of the documentation holds: its code blocks, and how they are executed."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[1] / "docs"


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
            [sys.executable, "-m", *line.split()], cwd=folder, capture_output=True, text=True
        )
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
