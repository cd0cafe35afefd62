"""The demo on three problems, done once for all tests of variance, manifold, drift, clusters."""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from microtome.lab.record import Record
from microtome.lab.run import run
from microtome.lab.terminal import Terminal
from microtome.studies.sampling import Sampling

STEPS = ("variance", "manifold", "drift", "clusters")


def little(folder: Path, **fields: Any) -> Sampling:
    """A study of three problems, two of three methods among them."""
    small = {
        "n_problems": 3, "samples": 12, "temperatures": (0.0, 1.0), "checkpoints": (6, 18, 40),
        "max_new_tokens": 56, "cluster_samples": 40, "cluster_tokens": 64, "resamples": 200,
        "dtype": "float32", "output_dir": folder, "steps": STEPS,
    }  # fmt: skip
    return Sampling.demo().model_copy(update={**small, **fields})


@cache
def specimen_record() -> Record:
    """What the four steps found."""
    folder = Path(tempfile.mkdtemp(prefix="microtome-sampling-"))
    return run(little(folder), terminal=Terminal())


def table(name: str) -> pd.DataFrame:
    """A table of that run."""
    return specimen_record().table(name)
