"""Which mutants are tried: a stratified sample, and those named in `mutants_named.yaml`."""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from mutants_operators import Mutation, functions, mutations

PACKAGE = "src/microtome"
STRATA = ("statistics", "methods", "model", "dictionaries", "findings")
NO_FINDING = {
    "figures", "costs", "branch_costs", "rehearsal", "configuration", "study", "sources",
    "__init__",
}  # fmt: skip
"""Folders and files of a study that draw, predict costs or declare settings."""
NAMED = Path(__file__).with_name("mutants_named.yaml")
EQUIVALENT = Path(__file__).with_name("mutants_equivalent.yaml")


@dataclass(frozen=True)
class Mutant:
    stratum: str
    file: str
    function: str
    line: int
    text: str
    """The line as it stands, without its indentation."""
    change: str
    """Operator, column within `text`, what stands there before and after."""
    source: str
    """The whole file after the change."""
    name: str = ""

    @property
    def key(self) -> str:
        """Does not depend on where in the file the line stands."""
        return f"{self.file} | {self.function} | {self.text} | {self.change}"

    @property
    def number(self) -> int:
        """A number of the content, which serves as the time of the mutated file."""
        return zlib.crc32(f"{self.key}{self.source}".encode()) & 0x3FFFFFFF


def files_of(tree: Path, stratum: str) -> list[Path]:
    """The sources of a stratum, in order."""
    package = tree / PACKAGE
    if stratum == "findings":
        return [
            path
            for path in sorted((package / "studies").rglob("*.py"))
            if not {path.stem, *path.parent.relative_to(package).parts} & NO_FINDING
        ]
    return [path for path in sorted((package / stratum).rglob("*.py")) if path.read_text()]


def mutant(tree: Path, stratum: str, path: Path, mutation: Mutation) -> Mutant:
    source = path.read_text()
    line = source.split("\n")[mutation.line - 1]
    place = mutation.column - (len(line) - len(line.lstrip()))
    return Mutant(
        stratum,
        str(path.relative_to(tree)),
        mutation.function,
        mutation.line,
        line.strip(),
        f"{mutation.operator} at {place}: {mutation.before} -> {mutation.after}",
        mutation.apply(source),
    )


def sampled(tree: Path, each: int, seed: int, strata: Iterable[str] = STRATA) -> list[Mutant]:
    """`each` mutants of every stratum, at most one a line: first the line is drawn, then which."""
    found = []
    for stratum in strata:
        lines = defaultdict(list)
        for path in files_of(tree, stratum):
            for mutation in mutations(path.read_text()):
                lines[path, mutation.line].append(mutation)
        rng = random.Random(f"{seed} {stratum}")
        drawn = rng.sample(sorted(lines), min(each, len(lines)))
        found += [mutant(tree, stratum, place[0], rng.choice(lines[place])) for place in drawn]
    return found


def named(tree: Path) -> list[Mutant]:
    """The mutants of `mutants_named.yaml`: ValueError where a text to be replaced is not there."""
    found = []
    for entry in yaml.safe_load(NAMED.read_text()):
        path = tree / entry["file"]
        source, old, new = path.read_text(), entry["old"].rstrip(), entry["new"].rstrip()
        if source.count(old) != 1:
            raise ValueError(f"{entry['name']}: {old!r} stands {source.count(old)} times in {path}")
        line = source[: source.index(old)].count("\n") + 1
        text = source.split("\n")[line - 1].strip()
        function = functions(source)[line - 1]
        change = f"named: {old.strip()} -> {new.strip()}"
        changed = source.replace(old, new)
        found.append(
            Mutant("named", entry["file"], function, line, text, change, changed, entry["name"])
        )
    return found


def equivalents() -> dict[str, str]:
    """Why a mutant cannot be told from the original, by its key."""
    entries = yaml.safe_load(EQUIVALENT.read_text()) or []
    return {entry["mutant"]: entry["reason"] for entry in entries}
