"""Claim: the test for one cloud keeps its level and has the power that docs/sampling.md prints.

Every cell is one kind of data at one n and d: the share of data sets whose p is at most .05, by
SigClust on the points as they are, by the larger p of these and of rows at unit length (the test
itself), and by the split-half dip. Cells that are in the file already are not done again.

    python bench/clusters.py [--sets 60] [--out clusters.jsonl] [--only round,groups]
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from microtome.statistics.cloud import cloud_p, split_half_dip, unit_rows

Data = Callable[[int, int, np.random.Generator], np.ndarray]


def groups(apart: float, share: float = 0.5) -> Data:
    """Two groups of round unit noise whose centres lie `apart` along the first axis.

    A random axis adds a little to every coordinate, and with it power (.97 for .80 at n 48, d 64).
    """

    def draw(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
        points = rng.standard_normal((n, d))
        points[: round(share * n), 0] += apart
        return points

    return draw


def half_circle(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """Half a circle of radius 10, evenly filled, in unit noise."""
    angle = rng.uniform(0, np.pi, n)
    points = rng.standard_normal((n, d))
    points[:, :2] += 10 * np.stack([np.cos(angle), np.sin(angle)], 1)
    return points


def line(n: int, d: int, rng: np.random.Generator) -> np.ndarray:
    """A line of length 12, evenly filled, in unit noise."""
    points = rng.standard_normal((n, d))
    points[:, 0] += rng.uniform(0, 12, n)
    return points


KINDS: dict[str, Data] = {
    "round": lambda n, d, rng: rng.standard_normal((n, d)),
    "axes 5 to .2": lambda n, d, rng: rng.standard_normal((n, d)) * np.geomspace(5, 0.2, d),
    "t3 per coordinate": lambda n, d, rng: rng.standard_t(3, (n, d)),
    "exponential": lambda n, d, rng: rng.exponential(size=(n, d)),
    "multivariate t3": lambda n, d, rng: (
        rng.standard_normal((n, d)) / np.sqrt(rng.chisquare(3, (n, 1)) / 3)
    ),
    "line, 12 sd": line,
    "half circle, 10 sd": half_circle,
    **{f"groups, {apart} sd": groups(apart) for apart in (4, 6, 8, 10, 15)},
    "groups 1 to 3, 6 sd": groups(6, 0.25),
}
CELLS = [
    *((kind, 48, d) for kind in KINDS for d in (8, 64, 1024)),
    *((f"groups, {apart} sd", 24, d) for d in (64, 1024) for apart in (4, 6, 8, 15)),
    *((f"groups, {apart} sd", 60, d) for d in (64, 1024) for apart in (4, 6, 8)),
]


def cell(kind: str, n: int, d: int, sets: int, draws: int) -> dict[str, float]:
    """Shares of data sets rejected at .05 by each form."""
    rng = np.random.default_rng([n, d, list(KINDS).index(kind)])
    found = []
    for i in range(sets):
        points = KINDS[kind](n, d, rng)
        raw, unit = (cloud_p(form, draws, i) for form in (points, unit_rows(points)))
        found.append([raw, max(raw, unit), split_half_dip(points, seed=i)])
    shares = (np.array(found) <= 0.05).mean(0)
    return dict(zip(("raw", "both", "dip"), shares.tolist(), strict=True))


def todo(path: Path, only: list[str]) -> Iterator[tuple[str, int, int]]:
    """Cells that are asked for and not in the file."""
    lines = path.read_text().splitlines() if path.exists() else []
    done = {(row["kind"], row["n"], row["d"]) for row in map(json.loads, lines)}
    for one in CELLS:
        if one not in done and (not only or any(one[0].startswith(word) for word in only)):
            yield one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=60)
    parser.add_argument("--draws", type=int, default=99)
    parser.add_argument("--out", type=Path, default=Path("clusters.jsonl"))
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    for kind, n, d in todo(asked.out, [word for word in asked.only.split(",") if word]):
        start = time.process_time()
        row = {"kind": kind, "n": n, "d": d, "sets": asked.sets}
        row |= cell(kind, n, d, asked.sets, asked.draws)
        with asked.out.open("a") as file:
            file.write(json.dumps(row) + "\n")
        shown = "  ".join(f"{name} {row[name]:.2f}" for name in ("raw", "both", "dip"))
        print(f"{kind:22s} n {n:3d} d {d:5d}  {shown}  {time.process_time() - start:.0f} CPU s")


if __name__ == "__main__":
    main()
