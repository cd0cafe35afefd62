"""Rows of a training's curve on their way out: to a callback, and to `log.jsonl` on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from microtome import files

Row = dict[str, Any]
Log = Callable[[Row], object]
"""Called with one row: name, step, tokens, fvu, l0, dead, loss, lr and parts of the loss."""
NAME = "log.jsonl"


@dataclass(frozen=True)
class Logbook:
    """Where rows go, and how often."""

    log: Log | None
    folder: Path | None
    every: int = 50

    def begin(self, step: int, curves: Sequence[Sequence[Row]]) -> None:
        """On disk stays what the checkpoint knows; later rows of a killed training go."""
        if self.folder is None:
            return
        rows = sorted((row for curve in curves for row in curve), key=lambda row: row["step"])
        text = "".join(json.dumps(files.strict_json(row)) + "\n" for row in rows)
        files.write_atomic(files.make_folder(self.folder) / NAME, text.encode())

    def due(self, step: int, steps: int) -> bool:
        """Whether this step is logged: the first, every so many, and the last."""
        return step == 1 or step % self.every == 0 or step == steps

    def write(self, rows: Sequence[Row]) -> None:
        """One row per dictionary."""
        for row in rows:
            if self.folder is not None:
                files.append_jsonl(self.folder / NAME, row)
            if self.log is not None:
                self.log(row)

    def end(self) -> None:
        """Tell a callback that can be closed that nothing follows."""
        close = getattr(self.log, "close", None)
        if close is not None:
            close()
