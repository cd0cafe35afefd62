"""The demo's runs, found by what they are: configuration and weights, whatever the date."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from microtome.errors import RunError
from microtome.lab.record import Record
from microtome.lab.store import identify
from microtome.studies import study_class

SHORT = 8


@cache
def run_of(study: str) -> str:
    """The hash that ends the name of the demo's run of a study, with the weights that are here."""
    demo = study_class(study).demo()
    return str(identify(demo, demo.provenance())["identity"])[:SHORT]


@dataclass(frozen=True)
class Demo:
    """The runs that `microtome demo` left in a folder."""

    folder: Path

    def record(self, study: str) -> Record:
        """A study's finished run; RunError where there is none of these weights."""
        for path in sorted((self.folder / study).glob(f"[0-9]*-{run_of(study)}")):
            record = Record(path)
            if record.manifest.status == "finished":
                return record
        raise RunError(
            f"{self.folder} has no finished demo of {study} with the weights that are here; run "
            f"`make demo`."
        )
