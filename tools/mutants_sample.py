"""Which mutants are tried: a stratified sample, and those named in `mutants_named.yaml`."""

from __future__ import annotations

import hashlib
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
    mutation: Mutation | None = None
    name: str = ""
    replaced: str = ""
    """The whole file after the change, where that is no `mutation`."""

    def source(self, before: str) -> str:
        """The whole file after the change."""
        return self.mutation.apply(before) if self.mutation else self.replaced

    @property
    def key(self) -> str:
        """Does not depend on where in the file the line stands."""
        return f"{self.file} | {self.function} | {self.text} | {self.change}"

    @property
    def number(self) -> int:
        """A number of its own, which serves as the time of the mutated file."""
        return zlib.crc32(self.key.encode()) & 0x3FFFFFFF


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
        mutation,
    )


def sampled(tree: Path, each: int, seed: int, strata: Iterable[str] = STRATA) -> list[Mutant]:
    """`each` mutants of every stratum, at most one a line.

    Lines are drawn by a hash of seed, file, function and text, and so is what happens to a line:
    the sample is as random as any, and an edit elsewhere draws no other lines.
    """
    found = []
    for stratum in strata:
        lines: dict[tuple[str, int], list[Mutant]] = defaultdict(list)
        for path in files_of(tree, stratum):
            for mutation in mutations(path.read_text()):
                one = mutant(tree, stratum, path, mutation)
                lines[one.file, one.line].append(one)
        chosen = [min(lot, key=lambda one: _drawn(seed, one.key)) for lot in lines.values()]
        chosen.sort(key=lambda one: _drawn(seed, f"{one.file} {one.function} {one.text}"))
        found += chosen[:each]
    return found


def _drawn(seed: int, text: str) -> bytes:
    return hashlib.sha256(f"{seed} {text}".encode()).digest()


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
        of = ("named", entry["file"], function, line, text, change)
        found.append(Mutant(*of, name=entry["name"], replaced=changed))
    return found


def equivalents() -> dict[str, str]:
    """Why a mutant cannot be told from the original, by its key."""
    entries = yaml.safe_load(EQUIVALENT.read_text()) or []
    return {entry["mutant"]: entry["reason"] for entry in entries}
