"""The verdicts as a table: per stratum how many were tried, killed, survived and are equivalent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

HEAD = ("stratum", "mutants", "killed", "out of time", "survived", "equivalent", "score")
DEAD = ("killed", "out of time")


def counts(rows: Sequence[Mapping[str, Any]], equivalent: Mapping[str, str]) -> dict[str, int]:
    """How many of the rows ended how. Equivalent is what survived and is listed as such."""
    alive = [row for row in rows if row["verdict"] not in DEAD]
    same = sum(row["key"] in equivalent for row in alive)
    return {
        "mutants": len(rows),
        "killed": sum(row["verdict"] == "killed" for row in rows),
        "out of time": sum(row["verdict"] == "out of time" for row in rows),
        "survived": len(alive) - same,
        "equivalent": same,
    }


def score(count: Mapping[str, int]) -> float:
    """Killed or out of time, of those that are not equivalent."""
    tried = count["mutants"] - count["equivalent"]
    return (count["killed"] + count["out of time"]) / tried if tried else float("nan")


def table(rows: Sequence[Mapping[str, Any]], equivalent: Mapping[str, str]) -> str:
    """Markdown; the last line is of all strata together."""
    lines = ["| " + " | ".join(HEAD) + " |", "|---" * len(HEAD) + "|"]
    strata = list(dict.fromkeys(row["stratum"] for row in rows))
    for stratum in [*strata, "all"]:
        of = [row for row in rows if stratum in ("all", row["stratum"])]
        count = counts(of, equivalent)
        cells = [stratum, *map(str, count.values()), f"{score(count):.0%}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
