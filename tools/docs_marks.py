"""Marked places of README and docs: text that is made from records, between two comments.

    <!-- numbers: dilemmas.answers of 02bf675b -->
    ...
    <!-- /numbers -->

A mark may also stand within a line. `of` names the run by the hash of its configuration and
weights, so that text made from other weights is seen without a run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from microtome.errors import InputError

ROOT = Path(__file__).parents[1]
_MARK = re.compile(
    r"<!-- numbers: (?P<name>[\w.]+)(?: of (?P<run>[0-9a-f]{8}))? -->"
    r"(?P<text>.*?)<!-- /numbers -->",
    re.S,
)
_HALF = re.compile(r"<!-- /?numbers\b.*?-->")
_SPECIMEN = re.compile(r"\b(specimen|demo)\b", re.I)
_NOT_PROSE = re.compile(r"^```(?s:.*?)^```|^    .*$|`[^`\n]*`|\]\([^)]*\)", re.M)
_NUMBER = re.compile(r"(?<![\w.-])\.?\d[\d.,]*")
_MEASURED = re.compile(r"(?<![\w.-])(?:\d*\.\d+|\d+(?= ?%)|\d+(?= of \d)|10(?=[⁻-]))")
GENERATED = {
    "calibration.md": "written by `python -m bench.calibration`",
    "reliability.md": "written from the table of `tools/mutants.py`",
}
"""Pages whose numbers another command makes."""


@dataclass(frozen=True)
class Made:
    """The text of a mark, and the hash of the run that it was made from ("" for none)."""

    text: str
    run: str = ""


@dataclass(frozen=True)
class Mark:
    """A marked place as it stands in a page."""

    name: str
    run: str
    text: str


def pages(root: Path = ROOT) -> list[Path]:
    """README and all pages of docs."""
    return [root / "README.md", *sorted((root / "docs").glob("*.md"))]


def marks(page: str) -> list[Mark]:
    """All marked places; InputError for a comment without its other half."""
    whole = list(_MARK.finditer(page))
    left = _HALF.search(_MARK.sub("", page))
    nested = [one["name"] for one in whole if _HALF.search(one["text"])]
    if left or nested:
        what = left.group() if left else nested[0]
        raise InputError(f"{what} has no second half; close it by <!-- /numbers -->.")
    return [Mark(one["name"], one["run"] or "", one["text"]) for one in whole]


def filled(page: str, makers: Mapping[str, Callable[[], Made]]) -> str:
    """The page with every marked text made again; InputError for a mark that nobody makes."""
    for mark in marks(page):
        if mark.name not in makers:
            raise InputError(f"No text is called {mark.name!r}; there is {', '.join(makers)}.")

    def made(found: re.Match[str]) -> str:
        own = makers[found["name"]]()
        run = f" of {own.run}" if own.run else ""
        text = f"\n{own.text}\n" if found["text"].startswith("\n") or "\n" in own.text else own.text
        return f"<!-- numbers: {found['name']}{run} -->{text}<!-- /numbers -->"

    return _MARK.sub(made, page)


def unmarked(page: str) -> list[tuple[str, str]]:
    """Numbers that are quoted of the specimen outside marks: the number and its paragraph.

    In sections "On the specimen" every number, in other paragraphs (list items, lines of tables)
    that name the specimen or the demo what looks measured: decimals, percentages, n of m. Code and
    links do not count.
    """
    prose = _NOT_PROSE.sub(" ", _MARK.sub(" ", page))
    found: list[tuple[str, str]] = []
    inside = False
    for paragraph in re.split(r"\n\s*\n|\n(?=\s*(?:- |\||#))", prose):
        text = " ".join(paragraph.split())
        if text.startswith("#"):
            inside = "On the specimen" in text
        looked_for = _NUMBER if inside else _MEASURED if _SPECIMEN.search(text) else None
        if looked_for is not None:
            found += [(one.group().strip(".,"), text) for one in looked_for.finditer(text)]
    return found
