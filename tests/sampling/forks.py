"""Both steps of forks on three problems of the specimen, done once for all tests of them."""

import atexit
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.sampling import Sampling


def little(folder: Path, **fields: Any) -> Sampling:
    """The demo with few problems and the two steps of forks alone."""
    small = {
        "n_problems": 3, "branch_tokens": 16, "max_new_tokens": 56, "continuations": 2,
        "resamples": 200, "top_n_points": 3, "dtype": "float32", "output_dir": folder,
        "steps": ("sensitivity", "attribution"),
    }  # fmt: skip
    return Sampling.demo().model_copy(update={**small, **fields})


@cache
def specimen_run() -> Record:
    """What they found, the original's formula included."""
    folder = Path(tempfile.mkdtemp(prefix="microtome-forks-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return run(little(folder, formula="seed"), terminal=Terminal())
