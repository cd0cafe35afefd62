"""A page of docs whose sections are written by different commands."""

from pathlib import Path

ORDER = ("## Claims of the studies", "## Whole studies in null worlds")
"""Headings of the sections that stand behind the statistics, in their order."""


def split(text: str) -> dict[str, str]:
    """What stands before the first of these headings (""), and each one's section."""
    found, heading = {"": ""}, ""
    for line in text.splitlines(keepends=True):
        if line.rstrip("\n") in ORDER:
            heading = line.rstrip("\n")
        found[heading] = found.get(heading, "") + line
    return found


def put(path: Path, heading: str, section: str) -> None:
    """Replace one section ("" for what stands before them) and keep the others."""
    found = split(path.read_text() if path.exists() else "")
    found[heading] = section
    parts = [found[name].rstrip("\n") + "\n" for name in ("", *ORDER) if name in found]
    path.write_text("\n".join(parts))
