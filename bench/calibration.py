"""How often intervals, tests and claims are right, by simulation: docs/calibration.md.

Statistics: each cell draws data sets of a known truth and calls the shipped function. Claims:
tables of each claim's null and of planted effects go to the study's own function. Studies: whole
studies in null worlds. Results go to files of one line per block or world, so that a killed run
goes on; the page keeps the sections that are not asked for.

    python -m bench.calibration --statistics [--simulations 4000] [--only "2 within"]
    python -m bench.calibration --claims [--tables 2000] [--only dilemmas]
    python -m bench.calibration --studies [--worlds 20] [--only sampling]
"""

import argparse
import json
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench import calibration_intervals, calibration_page, calibration_tests
from bench.calibration_cells import BLOCK, Cell

CLUSTERS = Path(__file__).with_name("clusters.py")
"""The bench of the test for the number of clusters, with options and results of its own."""
PASSES = (250, 1000, 2000, 4000)
"""All cells reach these numbers first, so that an early look sees everything."""


def statistics_cells(only: str = "") -> list[Cell]:
    """The cells whose key contains `only`."""
    every = [*calibration_intervals.cells(), *calibration_tests.cells()]
    return [cell for cell in every if only in cell.key]


def read(path: Path) -> dict[str, dict[int, dict]]:
    """Summaries of blocks by cell and number; a half-written last line is left out."""
    found: dict[str, dict[int, dict]] = defaultdict(dict)
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            one = json.loads(line)
        except json.JSONDecodeError:
            continue
        found[one["cell"]][one["block"]] = one
    return found


def summary(cell: Cell, number: int) -> dict:
    """One block of a cell: per measure how many numbers, their mean and their median."""
    values = cell.block(number)
    known = [column[np.isfinite(column)] for column in values.T]
    return {
        "cell": cell.key, "block": number, "simulations": len(values),
        "count": [len(one) for one in known],
        "mean": [float(one.mean()) if len(one) else 0.0 for one in known],
        "median": [float(np.median(one)) if len(one) else 0.0 for one in known],
    }  # fmt: skip


def simulate(cells: Sequence[Cell], simulations: int, path: Path) -> None:
    """Run every block that is missing, all cells in passes of rising size."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = read(path)
    for upto in [*(one for one in PASSES if one < simulations), simulations]:
        for cell in cells:
            wanted = -(-min(upto, cell.most) // BLOCK)
            for number in range(wanted):
                if number in known[cell.key]:
                    continue
                started = time.process_time()
                known[cell.key][number] = one = summary(cell, number)
                with path.open("a") as file:
                    file.write(json.dumps(one) + "\n")
                print(f"{time.process_time() - started:6.1f} s  {cell.key}  {number}", flush=True)


def main() -> None:
    asked = _asked()
    if asked.clusters:
        subprocess.run([sys.executable, str(CLUSTERS)], check=True)
    if asked.statistics:
        cells = statistics_cells(asked.only)
        simulate(cells, asked.simulations, asked.results)
        lines = calibration_page.compared(cells, read(asked.results))
        print("\n".join(lines))
        if asked.page:
            calibration_page.write(asked.page, cells, read(asked.results))
    if asked.claims:
        from bench import claims_command

        claims_command.claims(asked.only, asked.tables, asked.claims_results, asked.page)
    if asked.studies:
        from bench import claims_command

        claims_command.studies(asked.only, asked.worlds, asked.studies_results, asked.page)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--statistics", action="store_true", help="intervals and tests")
    parser.add_argument("--clusters", action="store_true", help="tests for the number of clusters")
    parser.add_argument("--claims", action="store_true", help="claims, on simulated tables")
    parser.add_argument("--studies", action="store_true", help="whole studies in null worlds")
    parser.add_argument("--simulations", type=int, default=4000, help="data sets per cell")
    parser.add_argument("--tables", type=int, default=2000, help="null tables per claim")
    parser.add_argument("--worlds", type=int, default=20, help="null worlds per study")
    parser.add_argument("--only", default="", help="cells, claims or studies named with this")
    parser.add_argument("--results", type=Path, default=Path(".build/calibration.jsonl"))
    for part in ("claims", "studies"):
        default = Path(f".build/calibration_{part}.jsonl")
        parser.add_argument(f"--{part}-results", type=Path, default=default)
    parser.add_argument(
        "--page", type=Path, default=None, help="write the page, docs/calibration.md"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
