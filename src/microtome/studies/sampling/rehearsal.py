"""The stand-in of a dry run: a tiny random model, no grading, and no connection to anyone."""

import atexit
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from microtome.files import write_atomic
from microtome.studies.sampling.bifurcations import own_file
from microtome.studies.sampling.configuration import Configuration
from microtome.studies.sampling.problem_set import problems_of


def stand_in(study: Configuration) -> dict[str, Any]:
    """The fields in which the rehearsed study differs.

    A specimen rehearses on itself. A random model answers nothing right, so every completion
    counts; judge and oracle are replaced by a rule and by the problems' own texts.
    """
    quiet: dict[str, Any] = {"judge": "equations"} if study.judge_enabled else {}
    quiet |= _forks(study)
    if study.model.startswith("specimen:") and not study.oracle_model:
        return quiet
    folder = Path(tempfile.mkdtemp(prefix="microtome-stand-in-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if study.oracle_model:
        quiet |= {"oracle_model": "", "oracle_url": "", "oracle_file": _texts(study, folder)}
    if study.model.startswith("specimen:"):
        return quiet
    from microtome.model.tiny import tiny_model

    model = tiny_model(study.model, folder / "model", seed=study.seed)
    return {
        **quiet,
        "model": str(model),
        "adapter": "",
        "grader": "none",
        "layers": (),
        "layer": None,
    }


def _forks(study: Configuration) -> dict[str, Any]:
    """The run's own forks, for attribution alone: the rehearsal's folder has none yet."""
    steps = {step.name for step in study.chosen()}
    if study.bifurcations or "attribution" not in steps or "sensitivity" in steps:
        return {}
    return {"bifurcations": own_file(study)}


def _texts(study: Configuration, folder: Path) -> Path:
    """A file of oracle texts: solutions, or the problems' words where there is none."""
    lines = [
        json.dumps({"id": problem.id, "text": problem.solution or problem.problem})
        for problem in problems_of(study)
    ]
    path = folder / "oracle.jsonl"
    write_atomic(path, "\n".join(lines).encode())
    return path
