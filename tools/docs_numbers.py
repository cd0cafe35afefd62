"""The numbers of README and docs, from the demo's records: `make numbers`.

    microtome demo                          # the runs, in runs/
    python tools/docs_numbers.py            # writes every marked text again
    python tools/docs_numbers.py --check    # says what differs, and ends with 1 if anything does

`docs_marks.py` has the marks, `docs_blocks.py` what each of them says.
"""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from docs_blocks import makers
from docs_marks import ROOT, Made, filled, pages
from docs_records import Demo
from microtome.errors import MicrotomeError


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the pages hold what the records say (or hold it now)."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="change nothing, say what differs")
    parser.add_argument(
        "--runs", type=Path, default=ROOT / "runs", help="folder of the demo's runs"
    )
    asked = parser.parse_args(arguments)
    try:
        return renew(pages(), makers(Demo(asked.runs)), check=asked.check)
    except MicrotomeError as error:
        print(f"numbers: {error}", file=sys.stderr)
        return 2


def renew(
    there: Sequence[Path], by_name: Mapping[str, Callable[[], Made]], *, check: bool = False
) -> int:
    """Fill the marks of all pages, or say what would change: 1 if anything does."""
    old = {page: page.read_text("utf-8") for page in there}
    new = {page: filled(text, by_name) for page, text in old.items()}
    changed = [page for page in there if old[page] != new[page]]
    for page in changed:
        if check:
            lines = (text.splitlines() for text in (old[page], new[page]))
            print("\n".join(difflib.unified_diff(*lines, page.name, "records", lineterm="", n=0)))
        else:
            page.write_text(new[page], "utf-8")
            print(f"wrote {page.name}")
    if not changed:
        print(f"{len(there)} pages hold what the records say.")
    return int(check and bool(changed))


if __name__ == "__main__":
    sys.exit(main())
