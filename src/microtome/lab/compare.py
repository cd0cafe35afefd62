"""Two runs of one study side by side: what was set, found and hashed differently.

Findings are paired within a step by what they are about (`Finding.about`) and their unit, or else
by their words with the numbers left out; a finding that the other run lacks stands alone. Tables
are compared by the hash of every column, so equal numbers written by other versions are equal.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from microtome.errors import RunError
from microtome.lab.manifest import Manifest
from microtome.lab.record import findings
from microtome.lab.store import RunFolder

_NUMBER = re.compile(r"[-+−]?\d+(?:[.,]\d+)*%?(?:e[-+]?\d+)?")


@dataclass(frozen=True)
class Setting:
    """A field that the runs state differently; None where one does not state it."""

    name: str
    left: Any
    right: Any


@dataclass(frozen=True)
class Pairing:
    """A finding of the left run and its like in the right one; one of them may be missing."""

    step: str
    left: Mapping[str, Any] | None
    right: Mapping[str, Any] | None

    @property
    def differ(self) -> bool:
        """Whether the runs say different things."""
        return self.left != self.right

    @property
    def difference(self) -> float | None:
        """Right minus left, where both are numbers of one unit."""
        values = [side["evidence"]["value"] for side in (self.left, self.right) if side is not None]
        if len(values) < 2 or None in values:
            return None
        return float(values[1] - values[0])

    @property
    def apart(self) -> bool | None:
        """Whether the intervals have no point in common; None without two intervals."""
        if self.left is None or self.right is None:
            return None
        sides = (self.left["evidence"], self.right["evidence"])
        ends = [side[end] for side in sides for end in ("low", "high")]
        if None in ends:
            return None
        return bool(ends[1] < ends[2] or ends[3] < ends[0])


@dataclass(frozen=True)
class TableChange:
    """A table that is not the same: rows on either side (None: no such table), columns at odds."""

    name: str
    left_rows: int | None
    right_rows: int | None
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """All that two runs have in common and what they have not."""

    left: RunFolder
    right: RunFolder
    manifests: tuple[Manifest, Manifest]
    failed_audits: tuple[int, int]
    settings: tuple[Setting, ...]
    findings: tuple[Pairing, ...]
    tables: tuple[TableChange, ...]
    same_tables: int


def compare(left: RunFolder, right: RunFolder) -> Comparison:
    """Compare two runs from their manifests and findings; RunError unless of one study."""
    manifests = (left.manifest(), right.manifest())
    one, two = manifests
    if one.study != two.study:
        raise RunError(
            f"{left.id} is a run of {one.study} and {right.id} one of {two.study}; compare two "
            f"runs of the same study."
        )
    found = (findings(left, one), findings(right, two))
    names = sorted({*one.columns, *two.columns})
    rows = [_rows(f) for f in found]
    changes = [_table(name, manifests, rows) for name in names]
    return Comparison(
        left, right, manifests,
        (found[0]["failed_audits"], found[1]["failed_audits"]),
        tuple(_settings(one, two)),
        tuple(_pairings(found[0]["steps"], found[1]["steps"])),
        tuple(change for change in changes if change is not None),
        sum(change is None for change in changes),
    )  # fmt: skip


def _settings(one: Manifest, two: Manifest) -> list[Setting]:
    """Configuration, provenance and package versions, nested names joined by dots."""
    flat = [
        {
            **_flat("", {k: v for k, v in m.configuration.items() if k != "seed"}),
            "seed": m.seed,
            **_flat("provenance.", m.provenance),
            **_flat("versions.", m.versions),
        }
        for m in (one, two)
    ]
    names = dict.fromkeys([*flat[0], *flat[1]])
    both = [Setting(name, flat[0].get(name), flat[1].get(name)) for name in names]
    return [setting for setting in both if setting.left != setting.right]


def _flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= _flat(f"{prefix}{name}.", value)
        else:
            found[prefix + name] = value
    return found


def _pairings(left: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]) -> list[Pairing]:
    sides = [{step["step"]: step["findings"] for step in steps} for steps in (left, right)]
    return [
        pairing
        for step in dict.fromkeys([*sides[0], *sides[1]])
        for pairing in _paired(step, sides[0].get(step, []), sides[1].get(step, []))
    ]


def _paired(
    step: str, left: Sequence[dict[str, Any]], right: Sequence[dict[str, Any]]
) -> list[Pairing]:
    """Findings of one step: the left ones in their order, then those of the right alone."""
    there: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for finding in right:
        there.setdefault(_subject(finding), []).append(finding)
    pairs = []
    for finding in left:
        alike = there.get(_subject(finding))
        pairs.append(Pairing(step, finding, alike.pop(0) if alike else None))
    rest = [finding for alike in there.values() for finding in alike]
    return [*pairs, *(Pairing(step, None, finding) for finding in rest)]


def _subject(finding: Mapping[str, Any]) -> tuple[str, str]:
    words = finding.get("about") or _NUMBER.sub("#", finding["answer"])
    return words, finding["evidence"]["unit"]


def _rows(found: Mapping[str, Any]) -> dict[str, int]:
    return {table["name"]: table["rows"] for step in found["steps"] for table in step["tables"]}


def _table(
    name: str, manifests: tuple[Manifest, Manifest], rows: Sequence[Mapping[str, int]]
) -> TableChange | None:
    """What differs in one table; None if nothing does."""
    hashes = [manifest.columns.get(name) for manifest in manifests]
    if hashes[0] == hashes[1]:
        return None
    one, two = (column or {} for column in hashes)
    columns = [c for c in dict.fromkeys([*one, *two]) if one.get(c) != two.get(c)]
    return TableChange(name, rows[0].get(name), rows[1].get(name), tuple(columns))
